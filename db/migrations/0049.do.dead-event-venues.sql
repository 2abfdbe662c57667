-- As before, and returns for how many events an entry of each venue was written, so that the caller can tell the venues' subscribers.
drop function record_event_dead_letters(jsonb);
create function record_event_dead_letters(dead jsonb) returns table (venue_id uuid, added integer)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with seen as materialized (
    select distinct on (event.id, connection.venue_id) event.id, event.provider, d.code, d.message, connection.venue_id, connection.id as connection_id
    from jsonb_to_recordset(dead) as d(id uuid, code text, message text)
    join public.webhook_events event on event.id = d.id
    join public.connections connection on connection.provider = event.provider and connection.environment = event.environment
      and connection.external_account_id = event.external_account_id and event.endpoint in ('app', connection.id::text)
      and connection.state not in ('connecting', 'disconnected') and connection.created_at <= event.received_at
    order by event.id, connection.venue_id, connection.id
  ), written as materialized (
    select public.record_dead_letters(coalesce(jsonb_agg(jsonb_build_object('venue_id', seen.venue_id, 'source', 'event', 'source_key', seen.id,
      'provider', seen.provider, 'connection_id', seen.connection_id, 'code', seen.code, 'message', seen.message)), '[]'))
    from seen
  )
  select seen.venue_id, count(*)::int from seen cross join written group by seen.venue_id order by seen.venue_id
$$;
revoke execute on function record_event_dead_letters(jsonb) from public;
grant execute on function record_event_dead_letters(jsonb) to interlock_app;

-- As before, without deliveries: their sender has them, for up to three days, and no workflow of retries does anything about them.
create or replace function venues_with_retries(at_most integer) returns table (venue_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select venue_id from public.dead_letters where state = 'retrying' and source <> 'delivery'
  group by venue_id order by min(retried_at), venue_id limit at_most
$$;
