-- What failed for good, one row for each failing thing however often it fails.
create table dead_letters (
  id uuid primary key,
  venue_id uuid not null,
  source text not null,
  source_key text not null,
  provider text,
  connection_id uuid,
  resource text,
  direction text,
  record_id uuid,
  external_id text,
  record_version integer,
  code text not null,
  message text not null,
  state text default 'open' not null,
  attempts integer default 1 not null,
  history jsonb not null,
  first_failed_at timestamp(3) with time zone default now() not null,
  last_failed_at timestamp(3) with time zone default now() not null,
  retried_at timestamp(3) with time zone,
  closed_at timestamp(3) with time zone,
  discarded_by text,
  discard_reason text,
  constraint dead_letters_key unique (venue_id,source,source_key),
  constraint dead_letters_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index dead_letters_page on dead_letters (venue_id,id);
create index dead_letters_unsettled on dead_letters (venue_id,connection_id,resource,state) where state in ('open', 'retrying');
create index dead_letters_events on dead_letters (source_key) where source = 'event' and state in ('open', 'retrying');
create index dead_letters_connection on dead_letters (connection_id);
create index dead_letters_closed on dead_letters (closed_at) where closed_at is not null;
alter table dead_letters enable row level security;
create policy dead_letters_venue on dead_letters
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on dead_letters to interlock_app;

-- Adds entries, or counts one more failure of those that exist. It runs with the rights of its caller.
-- A discarded entry stays discarded while the same record fails for the same reason: somebody has decided about that.
-- Beyond 10,000 unsettled entries of a connection's resource no new one is added: the log of the run has the rest.
create function record_dead_letters(failures jsonb) returns void
language sql volatile set search_path = pg_catalog, pg_temp
as $$
  with failure as (
    select distinct on (venue_id, source, source_key) *
    from jsonb_to_recordset(failures) as f(venue_id uuid, source text, source_key text, provider text, connection_id uuid, resource text, direction text,
      record_id uuid, external_id text, record_version integer, sync_id uuid, code text, message text)
    order by venue_id, source, source_key
  ), full_list as (
    select g.venue_id, g.connection_id, g.resource
    from (select distinct venue_id, connection_id, resource from failure) g
    where (select count(*) from (
      select from public.dead_letters o
      where o.venue_id = g.venue_id and o.connection_id = g.connection_id and o.resource = g.resource and o.state in ('open', 'retrying')
      limit 10000) counted) >= 10000
  )
  insert into public.dead_letters as l (id, venue_id, source, source_key, provider, connection_id, resource, direction, record_id, external_id, record_version,
    code, message, history)
  select uuidv7(), f.venue_id, f.source, f.source_key, f.provider, f.connection_id, f.resource, f.direction, f.record_id, f.external_id, f.record_version,
    f.code, left(f.message, 2000), jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('at', now(), 'code', f.code, 'syncId', f.sync_id)))
  from failure f
  where not exists (select from full_list x where x.venue_id = f.venue_id and x.connection_id = f.connection_id and x.resource = f.resource)
    or exists (select from public.dead_letters known where known.venue_id = f.venue_id and known.source = f.source and known.source_key = f.source_key)
  order by f.venue_id, f.source, f.source_key
  on conflict (venue_id, source, source_key) do update set
    state = case when l.state = 'discarded' and l.code = excluded.code and l.record_version is not distinct from excluded.record_version
      then 'discarded' else 'open' end,
    closed_at = case when l.state = 'discarded' and l.code = excluded.code and l.record_version is not distinct from excluded.record_version
      then l.closed_at end,
    attempts = case when l.state = 'resolved' then 1 else l.attempts + 1 end,
    first_failed_at = case when l.state = 'resolved' then now() else l.first_failed_at end,
    last_failed_at = now(),
    history = case when jsonb_array_length(l.history) >= 20 then l.history - 0 else l.history end || excluded.history,
    code = excluded.code, message = excluded.message, direction = excluded.direction,
    connection_id = excluded.connection_id, provider = excluded.provider, resource = excluded.resource,
    record_id = coalesce(excluded.record_id, l.record_id), external_id = coalesce(excluded.external_id, l.external_id),
    record_version = excluded.record_version
$$;
revoke execute on function record_dead_letters(jsonb) from public;
grant execute on function record_dead_letters(jsonb) to interlock_app;

-- Events that are dead, in the list of every venue that has connected their account: row-level security shows one venue at a time.
create function record_event_dead_letters(dead jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select public.record_dead_letters(coalesce(jsonb_agg(jsonb_build_object('venue_id', seen.venue_id, 'source', 'event', 'source_key', seen.id,
    'provider', seen.provider, 'connection_id', seen.connection_id, 'code', seen.code, 'message', seen.message)), '[]'))
  from (
    select distinct on (event.id, connection.venue_id) event.id, event.provider, d.code, d.message, connection.venue_id, connection.id as connection_id
    from jsonb_to_recordset(dead) as d(id uuid, code text, message text)
    join public.webhook_events event on event.id = d.id
    join public.connections connection on connection.provider = event.provider and connection.environment = event.environment
      and connection.external_account_id = event.external_account_id
      and connection.state not in ('connecting', 'disconnected') and connection.created_at <= event.received_at
    order by event.id, connection.venue_id, connection.id
  ) seen
$$;
revoke execute on function record_event_dead_letters(jsonb) from public;
grant execute on function record_event_dead_letters(jsonb) to interlock_app;

-- Entries of events that have been handled after all, in every venue.
create function resolve_event_dead_letters(handled jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update public.dead_letters set state = 'resolved', closed_at = now()
  where id in (
    select id from public.dead_letters
    where source = 'event' and state in ('open', 'retrying') and source_key in (select jsonb_array_elements_text(handled))
    order by venue_id, source_key for update)
$$;
revoke execute on function resolve_event_dead_letters(jsonb) from public;
grant execute on function resolve_event_dead_letters(jsonb) to interlock_app;

-- Numbers of all venues, for metrics. Names no venue.
create function count_dead_letters() returns table (source text, state text, entries integer, oldest_seconds double precision)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select source, state, count(*)::int, extract(epoch from now() - min(first_failed_at))::float8
  from public.dead_letters where state in ('open', 'retrying') group by source, state order by source, state
$$;
revoke execute on function count_dead_letters() from public;
grant execute on function count_dead_letters() to interlock_app;

create function remove_expired_dead_letters(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 8);
begin
  delete from public.dead_letters where id in (
    select id from public.dead_letters where closed_at < cutoff order by closed_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
revoke execute on function remove_expired_dead_letters(integer, text, integer) from public;
grant execute on function remove_expired_dead_letters(integer, text, integer) to interlock_app;
