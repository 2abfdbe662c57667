-- Subscriptions of a venue's backend to the service's own events. `awake`: a workflow delivers, or was told to begin.
create table subscriptions (
  id uuid primary key,
  venue_id uuid not null,
  url text not null,
  types jsonb,
  description text,
  state text default 'enabled' not null,
  disabled_reason text,
  disabled_at timestamp(3) with time zone,
  failing_since timestamp(3) with time zone,
  awake boolean default false not null,
  woken_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint subscriptions_venue unique (venue_id,id),
  constraint subscriptions_venue_id_venues_id_fk foreign key (venue_id) references venues(id)
);
alter table subscriptions enable row level security;
create policy subscriptions_venue on subscriptions using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

-- The secrets that sign a subscription's messages: the current one, and those before it until they expire.
create table subscription_secrets (
  id uuid primary key,
  venue_id uuid not null,
  subscription_id uuid not null,
  sealed_secret bytea not null,
  expires_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  constraint subscription_secrets_subscription_fk foreign key (venue_id,subscription_id) references subscriptions(venue_id,id) on delete cascade
);
create index subscription_secrets_subscription on subscription_secrets (subscription_id,id);
alter table subscription_secrets enable row level security;
create policy subscription_secrets_venue on subscription_secrets using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

-- The outbox: what subscribers are told, written in the transaction of what it tells of. `digest_key`: further changes are added until it is sent.
create table outgoing_messages (
  id uuid primary key,
  venue_id uuid not null,
  type text not null,
  data jsonb not null,
  digest_key text,
  occurred_at timestamp(3) with time zone default now() not null,
  constraint outgoing_messages_venue unique (venue_id,id)
);
create unique index outgoing_messages_digest on outgoing_messages (venue_id,digest_key) where digest_key is not null;
alter table outgoing_messages enable row level security;
create policy outgoing_messages_venue on outgoing_messages using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

create table deliveries (
  subscription_id uuid not null,
  message_id uuid not null,
  venue_id uuid not null,
  state text default 'pending' not null,
  attempts integer default 0 not null,
  last_status integer,
  last_error text,
  last_attempt_at timestamp(3) with time zone,
  next_attempt_at timestamp(3) with time zone,
  constraint deliveries_subscription_id_message_id_pk primary key (subscription_id,message_id),
  constraint deliveries_pending check ((state = 'pending') = (next_attempt_at is not null)),
  constraint deliveries_subscription_fk foreign key (venue_id,subscription_id) references subscriptions(venue_id,id) on delete cascade,
  constraint deliveries_message_fk foreign key (venue_id,message_id) references outgoing_messages(venue_id,id) on delete cascade
);
create index deliveries_due on deliveries (subscription_id,next_attempt_at) where state = 'pending';
create index deliveries_message on deliveries (message_id);
alter table deliveries enable row level security;
create policy deliveries_venue on deliveries using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on subscriptions, subscription_secrets, outgoing_messages, deliveries to interlock_app;

-- Subscriptions of any venue whose messages are due and that nobody delivers: row-level security shows one venue at a time. Marks them as awake.
-- A retry is its workflow's; one that is overdue has lost it. A workflow that was woken long ago may be gone too.
create function claim_due_subscriptions(at_most integer) returns table (venue_id uuid, subscription_id uuid)
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

-- Messages of all venues that wait to be delivered, and for how long the first of them has been due, for metrics.
create function count_pending_deliveries(out pending bigint, out overdue_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select count(*), greatest(0, coalesce(extract(epoch from now() - min(next_attempt_at)), 0)) from public.deliveries d
  where state = 'pending' and exists (select from public.subscriptions s where s.id = d.subscription_id and s.state = 'enabled')
$$;

-- Removes messages with their deliveries, unless one of them is yet to be made.
create function remove_expired_outgoing_messages(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 4);
begin
  with page as (
    select id from public.outgoing_messages
    where id < public.retention_uuid_at(cutoff) and occurred_at < cutoff and (after is null or id > after::uuid)
    order by id limit at_most for update skip locked
  ), gone as (
    delete from public.outgoing_messages where id in (
      select page.id from page where not exists (select from public.deliveries d join public.subscriptions s on s.id = d.subscription_id
        where d.message_id = page.id and d.state = 'pending' and s.state = 'enabled'))
    returning id)
  select (select count(*) from gone), (select max(id::text) from page), (select count(*) from page) = at_most into removed, last, more;
end
$$;

revoke execute on function claim_due_subscriptions(integer) from public;
revoke execute on function count_pending_deliveries() from public;
revoke execute on function remove_expired_outgoing_messages(integer, text, integer) from public;
grant execute on function claim_due_subscriptions(integer) to interlock_app;
grant execute on function count_pending_deliveries() to interlock_app;
grant execute on function remove_expired_outgoing_messages(integer, text, integer) to interlock_app;
