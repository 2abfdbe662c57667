-- When a full pull last met none of a custom field that an earlier one had met; null while it is there.
alter table unknown_fields add column vanished_at timestamp(3) with time zone;

-- A receiver's Retry-After: nothing is sent to it before.
alter table subscriptions add column rests_until timestamp(3) with time zone;

create or replace function claim_due_subscriptions(at_most integer) returns table (venue_id uuid, subscription_id uuid)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update public.subscriptions claimed set awake = true, woken_at = now()
  where claimed.id in (
    select s.id from public.subscriptions s
    where s.state = 'enabled' and (not s.awake or s.woken_at < now() - interval '60 seconds')
      and (s.rests_until is null or s.rests_until <= now())
      and exists (select from public.deliveries d where d.subscription_id = s.id and d.state = 'pending'
        and d.next_attempt_at <= now() - case when d.attempts = 0 then interval '0' else interval '60 seconds' end)
    order by s.woken_at nulls first limit at_most for update skip locked)
  returning claimed.venue_id, claimed.id
$$;

create or replace function count_pending_deliveries(out pending bigint, out overdue_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*), greatest(0, coalesce(extract(epoch from now() - min(greatest(d.next_attempt_at, s.rests_until))), 0))
  from public.deliveries d join public.subscriptions s on s.id = d.subscription_id
  where d.state = 'pending' and s.state = 'enabled'
$$;
