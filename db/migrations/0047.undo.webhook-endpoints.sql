create or replace function record_event_dead_letters(dead jsonb) returns void
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
drop function find_webhook_endpoint(text, bytea);
drop table webhook_endpoints;
