-- A terminated attempt to connect leaves the grant that its code has brought, alive at the provider. It is revoked there before its row goes: these
-- are the grants to revoke, of every venue, since row-level security hides all but one venue's. It answers no secret.
create function abandoned_grants(at_most integer) returns table (attempt_id text, venue_id uuid, connection_id uuid, provider text, flow text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select exchange.attempt_id, exchange.venue_id, exchange.connection_id, connection.provider, connection.flow
  from public.authorization_exchanges exchange join public.connections connection on connection.id = exchange.connection_id
  -- No attempt lives for an hour, unless nobody works on it.
  where exchange.state = 'granted' and exchange.created_at < now() - interval '1 hour' and connection.flow is not null
  order by exchange.created_at limit at_most
$$;
revoke execute on function abandoned_grants(integer) from public;
grant execute on function abandoned_grants(integer) to interlock_app;

-- A grant that cannot be revoked is tried again for a day. Then it goes all the same: what is secret is not kept for ever.
create or replace function remove_expired_authorization_exchanges(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.authorization_exchanges where attempt_id in (
    select attempt_id from public.authorization_exchanges
    where created_at < now() - interval '1 hour' and (state <> 'granted' or created_at < now() - interval '1 day')
    limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- The row of a connection would take its grants along.
create or replace function remove_expired_connections(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.connections where id in (
    select id from public.connections
    where external_account_id is null
      -- What an attempt ended with is shown for an hour. One that is still open a day later has lost its workflow.
      and ((state = 'disconnected' and state_since < now() - interval '1 hour') or (state = 'connecting' and state_since < now() - interval '1 day'))
      and not exists (select from public.authorization_exchanges exchange where exchange.connection_id = connections.id and exchange.state = 'granted')
    limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
