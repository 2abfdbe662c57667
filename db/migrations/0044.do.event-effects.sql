-- What an event did to records. `record_id` is null where the event led to no record of the venue's.
alter table webhook_event_effects drop constraint webhook_event_effects_event_id_connection_id_kind_pk;
alter table webhook_event_effects add column resource text, add column record_id uuid, add column reason text;
alter table webhook_event_effects add constraint webhook_event_effects_once unique nulls not distinct (event_id, connection_id, kind, resource, record_id, reason);

create or replace function record_webhook_effects(this_event uuid, this_kind text, these_connections uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into public.webhook_event_effects (event_id, venue_id, connection_id, kind)
  select this_event, connection.venue_id, connection.id, this_kind from public.connections connection where connection.id = any (these_connections)
  on conflict on constraint webhook_event_effects_once do update set at = now()
$$;

-- Objects that events reported as deleted before any record of them existed: an earlier event that arrives late must not create one.
create table deleted_objects (
  connection_id uuid not null,
  resource text not null,
  external_id text not null,
  venue_id uuid not null,
  external_version bigint not null,
  at timestamp(3) with time zone default now() not null,
  constraint deleted_objects_pk primary key (connection_id,resource,external_id),
  constraint deleted_objects_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index deleted_objects_at on deleted_objects (at);
alter table deleted_objects enable row level security;
create policy deleted_objects_venue on deleted_objects
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on deleted_objects to interlock_app;

-- What an event of an account may change: the resources that connections of any venue pull from it. Row-level security shows one venue at a time.
-- A connection that has ever merged a resource both ways goes on to merge it.
create function event_targets(this_provider text, this_environment text, this_account text)
returns table (venue_id uuid, connection_id uuid, resource text, direction text, chosen_accounts jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select connection.venue_id, connection.id, pulled.resource, min(pulled.direction), connection.chosen_accounts
  from public.connections connection
  cross join lateral (
    select cursor.resource, cursor.direction from public.sync_cursors cursor where cursor.connection_id = connection.id and cursor.direction in ('pull', 'both')
    union all
    select run.resource, run.direction from public.sync_runs run
    where run.connection_id = connection.id and run.direction in ('pull', 'both') and not run.dry_run and run.finished_at is null) pulled
  where connection.provider = this_provider and connection.environment = this_environment and connection.external_account_id = this_account
    and connection.state in ('active', 'degraded')
  group by connection.venue_id, connection.id, pulled.resource
  order by connection.venue_id, connection.id, pulled.resource
$$;
revoke execute on function event_targets(text, text, text) from public;
grant execute on function event_targets(text, text, text) to interlock_app;

-- Deleted objects are forgotten with the events that could create them again.
create or replace function remove_expired_webhook_events(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 7);
begin
  delete from public.deleted_objects where (connection_id, resource, external_id) in (
    select connection_id, resource, external_id from public.deleted_objects where at < cutoff order by at limit at_most for update skip locked);
  delete from public.webhook_events where id in (
    select id from public.webhook_events
    where received_at < cutoff and state not in ('waiting', 'retrying')
    order by received_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
