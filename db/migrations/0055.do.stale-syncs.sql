-- How scheduled syncs are watched for silence. `counted_from`: silence before it does not count. `told_at`: subscribers were told of it.
create table sync_silences (
  connection_id uuid not null,
  resource text not null,
  venue_id uuid not null,
  direction text,
  counted_from timestamp(3) with time zone default now() not null,
  look_after timestamp(3) with time zone not null,
  told_at timestamp(3) with time zone,
  constraint sync_silences_connection_id_resource_pk primary key (connection_id,resource),
  constraint sync_silences_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
alter table sync_silences enable row level security;
create policy sync_silences_venue on sync_silences
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on sync_silences to interlock_app;

-- Scheduled syncs of any venue without a good run for this long, those first that nobody has looked at for longest: row-level security shows
-- one venue at a time. A schedule is watched from the first call after it was made, and forgotten by the first after it was deleted.
create function watch_silent_syncs(silent_seconds integer, at_most integer)
returns table (venue_id uuid, connection_id uuid, provider text, state text, resource text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.sync_silences watched using public.connections connection
  where connection.id = watched.connection_id and not connection.live_schedules ? watched.resource;

  insert into public.sync_silences (connection_id, resource, venue_id, look_after)
  select connection.id, scheduled.resource, connection.venue_id, now() + silent_seconds * interval '1 second'
  from public.connections connection cross join lateral jsonb_array_elements_text(connection.live_schedules) scheduled(resource)
  where connection.state in ('active', 'degraded', 'needs-reauth', 'suspended')
    and not exists (select from public.sync_silences known where known.connection_id = connection.id and known.resource = scheduled.resource)
  on conflict do nothing;

  return query
  select connection.venue_id, connection.id, connection.provider, connection.state, watched.resource
  from public.sync_silences watched join public.connections connection on connection.id = watched.connection_id
  where watched.look_after <= now() and connection.state in ('active', 'degraded', 'needs-reauth', 'suspended')
    and not exists (select from public.sync_runs run
      where run.connection_id = watched.connection_id and run.resource = watched.resource and run.direction = watched.direction
        and not run.dry_run and not run.dead_letters_only and run.window_from is null and run.window_to is null
        and run.outcome in ('completed', 'completed-with-rejections')
        and run.finished_at > now() - silent_seconds * interval '1 second')
  order by watched.look_after, watched.connection_id, watched.resource
  limit at_most;
end
$$;
revoke execute on function watch_silent_syncs(integer, integer) from public;
grant execute on function watch_silent_syncs(integer, integer) to interlock_app;
