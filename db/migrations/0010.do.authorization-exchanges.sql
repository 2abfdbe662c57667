-- One exchange of an authorization code, from before the code is sent until its grant is stored: a code works once.
create table authorization_exchanges (
  attempt_id text primary key,
  venue_id uuid not null,
  connection_id uuid not null,
  state text default 'sent' not null,
  sealed_grant bytea,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint authorization_exchanges_grant check ((state = 'granted') = (sealed_grant is not null))
);

alter table authorization_exchanges add constraint authorization_exchanges_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
create index authorization_exchanges_connection on authorization_exchanges (connection_id);

alter table authorization_exchanges enable row level security;
create policy authorization_exchanges_venue on authorization_exchanges using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

grant select, insert, update, delete on authorization_exchanges to interlock_app;

-- Whether another venue has connected the account of this connection too: row-level security hides other venues'. It answers yes or no and nothing else.
create function provider_account_is_elsewhere(this_connection uuid) returns boolean
language sql stable security definer set search_path = pg_catalog, public
as $$
  select exists (
    select from public.connections this
    join public.connections other on other.provider = this.provider and other.environment = this.environment and other.external_account_id = this.external_account_id
    where this.id = this_connection and this.venue_id = current_setting('app.venue_id')::uuid
      and this.state not in ('connecting', 'disconnecting', 'disconnected')
      and other.venue_id <> this.venue_id and other.state not in ('connecting', 'disconnecting', 'disconnected'))
$$;
revoke execute on function provider_account_is_elsewhere(uuid) from public;
grant execute on function provider_account_is_elsewhere(uuid) to interlock_app;
