-- Addresses of connections of their own that providers send webhooks to. The address is a secret: only its SHA-256 is stored.
create table webhook_endpoints (
  connection_id uuid primary key,
  venue_id uuid not null,
  path_digest bytea not null,
  previous_path_digest bytea,
  previous_path_ends_at timestamp(3) with time zone,
  sealed_secrets bytea,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint webhook_endpoints_path unique (path_digest),
  constraint webhook_endpoints_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index webhook_endpoints_previous_path on webhook_endpoints (previous_path_digest);
create index webhook_endpoints_venue on webhook_endpoints (venue_id,connection_id);
alter table webhook_endpoints enable row level security;
create policy webhook_endpoints_venue on webhook_endpoints
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on webhook_endpoints to interlock_app;

-- Whose address it is: a delivery does not name a venue, and row-level security shows one venue at a time. Whoever asks has to know the address.
create function find_webhook_endpoint(this_provider text, this_digest bytea)
returns table (venue_id uuid, connection_id uuid, environment text, external_account_id text, sealed_secrets bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select endpoint.venue_id, endpoint.connection_id, connection.environment, connection.external_account_id, endpoint.sealed_secrets
  from public.webhook_endpoints endpoint join public.connections connection on connection.id = endpoint.connection_id
  where (endpoint.path_digest = this_digest or (endpoint.previous_path_digest = this_digest and endpoint.previous_path_ends_at > now()))
    and connection.provider = this_provider and connection.state not in ('connecting', 'disconnecting', 'disconnected')
$$;
revoke execute on function find_webhook_endpoint(text, bytea) from public;
grant execute on function find_webhook_endpoint(text, bytea) to interlock_app;

-- As before, but an event that came to a connection's own address is in the list of that connection's venue alone.
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
      and connection.external_account_id = event.external_account_id and event.endpoint in ('app', connection.id::text)
      and connection.state not in ('connecting', 'disconnected') and connection.created_at <= event.received_at
    order by event.id, connection.venue_id, connection.id
  ) seen
$$;
