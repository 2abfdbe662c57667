-- Events of providers as they were received. An event belongs to no venue: its account may be connected by several.
create table webhook_events (
  id uuid primary key,
  provider text not null,
  endpoint text not null,
  event_key text not null,
  type text not null,
  environment text,
  external_account_id text,
  partition smallint not null,
  body bytea,
  headers jsonb default '{}' not null,
  received_at timestamp(3) with time zone default now() not null,
  state text default 'waiting' not null,
  attempts integer default 0 not null,
  due_at timestamp(3) with time zone default now() not null,
  error_code text,
  constraint webhook_events_key unique (provider,endpoint,event_key),
  constraint webhook_events_account_whole check ((environment is null) = (external_account_id is null))
);
create index webhook_events_due on webhook_events (partition,due_at,id) where state in ('waiting', 'retrying');
create index webhook_events_account on webhook_events (provider,environment,external_account_id,id);
create index webhook_events_received on webhook_events (received_at);
create index webhook_events_bodies on webhook_events (received_at) where body is not null;
create index webhook_events_unfinished on webhook_events (provider,state,received_at) where state not in ('applied', 'ignored');

-- One row for each partition of the inbox. `fence` grows whenever a drainer takes the partition over.
create table webhook_inbox (
  partition smallint primary key,
  awake boolean default false not null,
  fence bigint default 0 not null
);
insert into webhook_inbox (partition) select generate_series(0, 3);

-- What an event did for a venue's connection.
create table webhook_event_effects (
  event_id uuid not null,
  venue_id uuid not null,
  connection_id uuid not null,
  kind text not null,
  at timestamp(3) with time zone default now() not null,
  constraint webhook_event_effects_event_id_connection_id_kind_pk primary key (event_id,connection_id,kind),
  constraint webhook_event_effects_event_id_webhook_events_id_fk foreign key (event_id) references webhook_events(id) on delete cascade,
  constraint webhook_event_effects_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index webhook_event_effects_connection on webhook_event_effects (venue_id,connection_id);
alter table webhook_event_effects enable row level security;
create policy webhook_event_effects_venue on webhook_event_effects
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on webhook_events, webhook_inbox, webhook_event_effects to interlock_app;

-- Notes what an event did for connections of any venue, in the transaction that marks the event: row-level security shows one venue at a time.
create function record_webhook_effects(this_event uuid, this_kind text, these_connections uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into public.webhook_event_effects (event_id, venue_id, connection_id, kind)
  select this_event, connection.venue_id, connection.id, this_kind from public.connections connection where connection.id = any (these_connections)
  on conflict (event_id, connection_id, kind) do update set at = now()
$$;
revoke execute on function record_webhook_effects(uuid, text, uuid[]) from public;
grant execute on function record_webhook_effects(uuid, text, uuid[]) to interlock_app;

-- Events that have had their effect before the inbox existed. Their ids are UUIDs of version 7 of the time at which they were received.
insert into webhook_events (id, provider, endpoint, event_key, type, partition, received_at, state, attempts, due_at)
select (substr(retention_uuid_at(received_at)::text, 1, 14) || '7' || substr(gen_random_uuid()::text, 16))::uuid,
  provider, 'app', event_id, 'unknown', 0, received_at, 'applied', 1, received_at
from webhook_deliveries;
drop function remove_expired_webhook_deliveries(integer, text, integer);
drop table webhook_deliveries;

-- Removes the bodies of events that are over. An event that waits for an adapter or for another attempt keeps its body: it has yet to be applied.
create function remove_expired_webhook_event_bodies(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 1);
begin
  update public.webhook_events set body = null, headers = '{}' where id in (
    select id from public.webhook_events
    where body is not null and received_at < cutoff and state in ('applied', 'ignored', 'dead')
    order by received_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

create function remove_expired_webhook_events(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 7);
begin
  delete from public.webhook_events where id in (
    select id from public.webhook_events
    where received_at < cutoff and state not in ('waiting', 'retrying')
    order by received_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

revoke execute on function remove_expired_webhook_event_bodies(integer, text, integer) from public;
revoke execute on function remove_expired_webhook_events(integer, text, integer) from public;
grant execute on function remove_expired_webhook_event_bodies(integer, text, integer) to interlock_app;
grant execute on function remove_expired_webhook_events(integer, text, integer) to interlock_app;
