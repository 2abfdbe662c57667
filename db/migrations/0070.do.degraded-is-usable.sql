-- As before, also for a degraded connection, which has problems but still works.
create or replace function due_event_feeds(these_providers text[], pause_seconds integer, at_most integer)
returns table (venue_id uuid, connection_id uuid, provider text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select connection.venue_id, connection.id, connection.provider
  from public.connections connection
  left join public.event_feeds feed on feed.connection_id = connection.id
  where connection.provider = any (these_providers) and connection.state in ('active', 'degraded')
    and (feed.compared_at is null or feed.compared_at < now() - pause_seconds * interval '1 second')
    and exists (select from public.webhook_events event
      where event.provider = connection.provider and event.environment = connection.environment
        and event.external_account_id = connection.external_account_id and event.origin = 'delivery'
        and event.endpoint in ('app', connection.id::text))
  order by feed.compared_at nulls first, connection.id
  limit at_most
$$;

create or replace function resources_with_held_deletions(within_days integer, at_most integer)
returns table (venue_id uuid, connection_id uuid, provider text, resource text, direction text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select held.venue_id, held.connection_id, connection.provider, held.resource, target.direction
  from (select effect.venue_id, effect.connection_id, effect.resource, max(effect.at) as at from public.webhook_event_effects effect
    where effect.reason = 'many-deletions' and effect.at > now() - within_days * interval '1 day'
    group by effect.venue_id, effect.connection_id, effect.resource) held
  join public.connections connection on connection.id = held.connection_id and connection.state in ('active', 'degraded')
  join lateral public.event_targets(connection.provider, connection.environment, connection.external_account_id) target
    on target.connection_id = held.connection_id and target.resource = held.resource
  where not exists (select from public.sync_runs run
    where run.connection_id = held.connection_id and run.resource = held.resource and run.direction in ('pull', 'both')
      and not run.dry_run and run.window_from is null and run.window_to is null and not run.dead_letters_only and run.mode = 'full'
      and run.created_at >= held.at)
  order by held.at
  limit at_most
$$;
