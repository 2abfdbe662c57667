-- Connections of every venue that hold a living grant of one provider account: the provider's word that its owner has taken the access back is
-- about all of them, and row-level security hides all but one venue's. It answers ids and nothing else.
create function connections_of_provider_account(this_provider text, this_environment text, this_account text) returns table (venue_id uuid, connection_id uuid)
language sql stable security definer set search_path = pg_catalog, public
as $$
  select connections.venue_id, connections.id
  from public.connections
  join public.oauth_tokens on oauth_tokens.connection_id = connections.id
  where connections.provider = this_provider and connections.environment = this_environment and connections.external_account_id = this_account
    and connections.state in ('active', 'degraded', 'suspended')
$$;
revoke execute on function connections_of_provider_account(text, text, text) from public;
grant execute on function connections_of_provider_account(text, text, text) to interlock_app;
