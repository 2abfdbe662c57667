-- What connections that cannot be used now would take of events of these accounts, and why they cannot. Beside `event_targets`, which versions
-- without this function go on to call while they are replaced; asked once for a batch, because hardly any account has such a connection.
create function away_event_targets(accounts jsonb)
returns table (no integer, venue_id uuid, connection_id uuid, resource text, state text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select account.no::integer - 1, away.venue_id, away.connection_id, away.resource, away.state
  from rows from (jsonb_to_recordset(accounts) as (provider text, environment text, id text)) with ordinality as account(provider, environment, id, no)
  cross join lateral (
    select connection.venue_id, connection.id as connection_id, pulled.resource, connection.state
    from public.connections connection
    cross join lateral (
      select cursor.resource from public.sync_cursors cursor where cursor.connection_id = connection.id and cursor.direction in ('pull', 'both')
      union
      select run.resource from public.sync_runs run
      where run.connection_id = connection.id and run.direction in ('pull', 'both') and not run.dry_run and run.finished_at is null) pulled
    where connection.provider = account.provider and connection.environment = account.environment and connection.external_account_id = account.id
      and connection.state in ('suspended', 'needs-reauth')
    -- Not merged with the query around it, which would read all connections for a few accounts.
    offset 0) away
  order by account.no, away.venue_id, away.connection_id, away.resource
$$;
revoke execute on function away_event_targets(jsonb) from public;
grant execute on function away_event_targets(jsonb) to interlock_app;

-- The connections for which an event is handled again; null: for all to its account.
alter table webhook_events add column again_for uuid[];

-- What connections have missed, the oldest first: ids of events are in the order in which they were received.
create index webhook_event_effects_missed on webhook_event_effects (connection_id,event_id) where reason in ('suspended', 'needs-reauth');

-- Has events handled again that connections missed and that can be used again: of each the oldest, for this connection alone. An event that waits is
-- left for the next call: its drainer may have looked before the connection could be used. Returns the partitions in which events wait now.
create function repeat_missed_events(connections_at_once integer, effects_each integer) returns table (partition smallint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  -- One step of the index for each connection, however much it has missed.
  with recursive missing as (
    (select effect.connection_id from public.webhook_event_effects effect
      where effect.reason in ('suspended', 'needs-reauth') order by effect.connection_id limit 1)
    union all
    select (select effect.connection_id from public.webhook_event_effects effect
      where effect.reason in ('suspended', 'needs-reauth') and effect.connection_id > missing.connection_id order by effect.connection_id limit 1)
    from missing where missing.connection_id is not null),
  usable as materialized (
    select connection.id from missing join public.connections connection on connection.id = missing.connection_id
    where connection.state in ('active', 'degraded') order by connection.id limit connections_at_once),
  missed as materialized (
    select effect.event_id, array_agg(distinct usable.id) as connections from usable cross join lateral (
      select own.event_id from public.webhook_event_effects own
      where own.connection_id = usable.id and own.reason in ('suspended', 'needs-reauth') order by own.event_id limit effects_each) effect
    group by effect.event_id),
  held as materialized (
    select event.id, event.body is not null as kept, missed.connections from missed join public.webhook_events event on event.id = missed.event_id
    where event.state <> 'waiting' order by event.id for update of event skip locked),
  removed as (
    delete from public.webhook_event_effects effect using held
    where effect.event_id = held.id and effect.connection_id = any (held.connections) and effect.reason in ('suspended', 'needs-reauth')
    returning effect.*, held.kept),
  expired as (
    insert into public.webhook_event_effects (event_id, venue_id, connection_id, kind, resource, record_id, reason)
    select distinct removed.event_id, removed.venue_id, removed.connection_id, removed.kind, removed.resource, removed.record_id, 'body-expired'
    from removed where not removed.kept
    on conflict on constraint webhook_event_effects_once do nothing),
  released as (
    update public.webhook_events event
    set state = 'waiting', attempts = 0, due_at = default, error_code = null,
      -- One that has yet to be handled for others is handled for all of them.
      again_for = case when event.state in ('applied', 'ignored') then held.connections end
    from held where event.id = held.id and held.kept
    returning event.partition)
  select distinct released.partition from released order by released.partition
$$;
revoke execute on function repeat_missed_events(integer, integer) from public;
grant execute on function repeat_missed_events(integer, integer) to interlock_app;
