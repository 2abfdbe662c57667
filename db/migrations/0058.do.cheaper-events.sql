-- What an event of an account may change, with how each connection reads it: asked for once for a batch of events, because a look-up of
-- each connection's mapping in its venue's scope took a third of a batch's statements.
drop function event_targets(text, text, text);
create function event_targets(this_provider text, this_environment text, this_account text)
returns table (venue_id uuid, connection_id uuid, resource text, direction text, chosen_accounts jsonb,
  mapping_version integer, mapping_definition jsonb, excluded_fields jsonb, history_from text, time_zone text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select target.venue_id, target.connection_id, target.resource, target.direction, target.chosen_accounts,
    mapping.version, mapping.definition, reach.excluded_fields, reach.history_from::text, venue.time_zone
  from (
    select connection.venue_id, connection.id as connection_id, pulled.resource, min(pulled.direction) as direction, connection.chosen_accounts
    from public.connections connection
    cross join lateral (
      select cursor.resource, cursor.direction from public.sync_cursors cursor where cursor.connection_id = connection.id and cursor.direction in ('pull', 'both')
      union all
      select run.resource, run.direction from public.sync_runs run
      where run.connection_id = connection.id and run.direction in ('pull', 'both') and not run.dry_run and run.finished_at is null) pulled
    where connection.provider = this_provider and connection.environment = this_environment and connection.external_account_id = this_account
      and connection.state in ('active', 'degraded')
    group by connection.venue_id, connection.id, pulled.resource) target
  join public.venues venue on venue.id = target.venue_id
  left join public.field_mappings mapping
    on mapping.connection_id = target.connection_id and mapping.resource = target.resource and mapping.active
  left join public.connection_reach reach on reach.connection_id = target.connection_id and reach.resource = target.resource
  order by target.venue_id, target.connection_id, target.resource
$$;
revoke execute on function event_targets(text, text, text) from public;
grant execute on function event_targets(text, text, text) to interlock_app;

-- An event enters these two once it is over, or waits for somebody: not when it is received, before it is acknowledged.
drop index webhook_events_bodies;
create index webhook_events_bodies on webhook_events (received_at) where body is not null and state in ('applied', 'ignored', 'dead');
drop index webhook_events_unfinished;
create index webhook_events_unfinished on webhook_events (provider,state,received_at) where state in ('dead', 'waiting-for-adapter');
