drop index webhook_events_unfinished;
create index webhook_events_unfinished on webhook_events (provider,state,received_at) where state not in ('applied', 'ignored');
drop index webhook_events_bodies;
create index webhook_events_bodies on webhook_events (received_at) where body is not null;

drop function event_targets(text, text, text);
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
