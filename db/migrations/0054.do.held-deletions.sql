-- For counting what events have deleted lately, and what they were kept from deleting.
create index webhook_event_effects_deleted on webhook_event_effects (connection_id,resource,at) where kind = 'deleted';
create index webhook_event_effects_held on webhook_event_effects (connection_id,resource,at) where reason = 'many-deletions';

-- Resources of which no run has begun since events were kept from deleting their records, in any venue: row-level security shows one venue at
-- a time. Older ones were answered by a run, or by a person who has cancelled it.
create function resources_with_held_deletions(within_days integer, at_most integer)
returns table (venue_id uuid, connection_id uuid, provider text, resource text, direction text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select held.venue_id, held.connection_id, connection.provider, held.resource, target.direction
  from (select effect.venue_id, effect.connection_id, effect.resource, max(effect.at) as at from public.webhook_event_effects effect
    where effect.reason = 'many-deletions' and effect.at > now() - within_days * interval '1 day'
    group by effect.venue_id, effect.connection_id, effect.resource) held
  join public.connections connection on connection.id = held.connection_id and connection.state = 'active'
  join lateral public.event_targets(connection.provider, connection.environment, connection.external_account_id) target
    on target.connection_id = held.connection_id and target.resource = held.resource
  where not exists (select from public.sync_runs run
    where run.connection_id = held.connection_id and run.resource = held.resource and run.direction in ('pull', 'both')
      and not run.dry_run and run.window_from is null and run.window_to is null and not run.dead_letters_only and run.mode = 'full'
      and run.created_at >= held.at)
  order by held.at
  limit at_most
$$;
revoke execute on function resources_with_held_deletions(integer, integer) from public;
grant execute on function resources_with_held_deletions(integer, integer) to interlock_app;
