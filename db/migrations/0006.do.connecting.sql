alter table oauth_tokens add column authorized_by text;
create unique index oauth_tokens_attempt on oauth_tokens (authorized_by);

-- Whether a connection other than this one, of whatever venue, holds a grant of the same account: row-level security hides other venues'.
-- It answers yes or no and nothing else.
create function provider_account_is_shared(this_connection uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, public
as $$
  select exists (
    select from public.connections this
    join public.connections other on other.provider = this.provider and other.environment = this.environment and other.external_account_id = this.external_account_id
    join public.oauth_tokens on oauth_tokens.connection_id = other.id
    where this.id = this_connection and this.venue_id = current_setting('app.venue_id')::uuid
      and other.id <> this.id and other.state not in ('disconnecting', 'disconnected'))
$$;
revoke execute on function provider_account_is_shared(uuid) from public;
grant execute on function provider_account_is_shared(uuid) to interlock_app;

-- By it the others are found.
create index connections_account_anywhere on connections (provider,environment,external_account_id);
