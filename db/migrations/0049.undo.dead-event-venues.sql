create or replace function venues_with_retries(at_most integer) returns table (venue_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select venue_id from public.dead_letters where state = 'retrying' group by venue_id order by min(retried_at), venue_id limit at_most
$$;

drop function record_event_dead_letters(jsonb);
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
      and connection.external_account_id = event.external_account_id and event.endpoint in ('app', connection.id::text)
      and connection.state not in ('connecting', 'disconnected') and connection.created_at <= event.received_at
    order by event.id, connection.venue_id, connection.id
  ) seen
$$;
revoke execute on function record_event_dead_letters(jsonb) from public;
grant execute on function record_event_dead_letters(jsonb) to interlock_app;
