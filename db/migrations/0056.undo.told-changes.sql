create or replace function count_pending_deliveries(out pending bigint, out overdue_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*), greatest(0, coalesce(extract(epoch from now() - min(next_attempt_at)), 0)) from public.deliveries d
  where state = 'pending' and exists (select from public.subscriptions s where s.id = d.subscription_id and s.state = 'enabled')
$$;

create or replace function claim_due_subscriptions(at_most integer) returns table (venue_id uuid, subscription_id uuid)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update public.subscriptions claimed set awake = true, woken_at = now()
  where claimed.id in (
    select s.id from public.subscriptions s
    where s.state = 'enabled' and (not s.awake or s.woken_at < now() - interval '60 seconds')
      and exists (select from public.deliveries d where d.subscription_id = s.id and d.state = 'pending'
        and d.next_attempt_at <= now() - case when d.attempts = 0 then interval '0' else interval '60 seconds' end)
    order by s.woken_at nulls first limit at_most for update skip locked)
  returning claimed.venue_id, claimed.id
$$;

alter table subscriptions drop column rests_until;
alter table unknown_fields drop column vanished_at;
