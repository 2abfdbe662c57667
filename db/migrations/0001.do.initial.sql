-- The role that every service connection takes on. Roles belong to the whole cluster, so another database may have made it,
-- or may be making it at this moment.
do $$
begin
  if not exists (select from pg_roles where rolname = 'interlock_app') then
    create role interlock_app nologin nosuperuser nocreatedb nocreaterole nobypassrls;
  end if;
exception
  when duplicate_object or unique_violation then
    null;
  when insufficient_privilege then
    raise exception 'the login % may not create the role interlock_app', current_user
      using hint = 'An administrator can: create role interlock_app; grant interlock_app to ' || quote_ident(current_user);
end
$$;

do $$
begin
  execute format('grant interlock_app to %I', current_user);
exception
  when unique_violation then
    null;
  when insufficient_privilege then
    if not pg_has_role(current_user, 'interlock_app', 'member') then
      raise exception 'the login % may not grant itself the role interlock_app', current_user
        using hint = 'An administrator can: grant interlock_app to ' || quote_ident(current_user);
    end if;
end
$$;

create table audit_log (
  id uuid primary key,
  venue_id uuid not null,
  at timestamp(3) with time zone default now() not null,
  actor text not null,
  action text not null,
  target_type text not null,
  target_id text not null,
  outcome text not null,
  request_id text,
  details jsonb default '{}'::jsonb not null
);

create table connections (
  id uuid primary key,
  venue_id uuid not null,
  provider text not null,
  environment text not null,
  state text not null,
  cause text,
  state_since timestamp(3) with time zone default now() not null,
  next_action text,
  external_account_id text not null,
  account_name text,
  scopes jsonb default '[]'::jsonb not null,
  expires_at timestamp(3) with time zone,
  next_refresh_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

create table customers (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  name text,
  email text,
  phone text,
  address jsonb,
  marketing_consent boolean
);

create table field_mappings (
  connection_id uuid not null,
  resource text not null,
  version integer not null,
  venue_id uuid not null,
  definition jsonb not null,
  active boolean not null,
  created_at timestamp(3) with time zone default now() not null,
  created_by text not null,
  constraint field_mappings_connection_id_resource_version_pk primary key (connection_id,resource,version)
);

create table idempotency_keys (
  caller text not null,
  operation text not null,
  key text not null,
  request_hash text not null,
  locked_until timestamp(3) with time zone,
  status integer,
  headers jsonb,
  body text,
  created_at timestamp(3) with time zone default now() not null,
  expires_at timestamp(3) with time zone not null,
  constraint idempotency_keys_caller_operation_key_pk primary key (caller,operation,key)
);

create table inventory_levels (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  product_source_id text not null,
  location text not null,
  quantity numeric not null,
  counted_at timestamp(3) with time zone not null
);

create table oauth_tokens (
  connection_id uuid primary key,
  venue_id uuid not null,
  sealed_tokens bytea not null,
  generation integer default 1 not null,
  access_expires_at timestamp(3) with time zone,
  refresh_expires_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

create table products (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  name text not null,
  description text,
  sku text,
  amount_minor bigint,
  currency text,
  active boolean default true not null,
  taxable boolean,
  images jsonb default '[]'::jsonb not null
);

create table provider_budgets (
  key text primary key,
  next_free_at timestamp(6) with time zone not null,
  throttled_rate_per_second real,
  throttled_at timestamp(6) with time zone
);

create table provider_leases (
  id uuid primary key,
  key text not null,
  holder text not null,
  slots integer not null,
  expires_at timestamp(3) with time zone not null
);

create table record_links (
  connection_id uuid not null,
  resource text not null,
  record_id uuid not null,
  venue_id uuid not null,
  external_id text,
  external_version bigint default 0 not null,
  record_version integer default 0 not null,
  fingerprint text,
  metadata_keys text[] default '{}' not null,
  state text not null,
  write_attempt integer default 0 not null,
  last_sync_id uuid,
  synced_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint record_links_connection_id_resource_record_id_pk primary key (connection_id,resource,record_id)
);

create table sync_cursors (
  connection_id uuid not null,
  resource text not null,
  direction text not null,
  venue_id uuid not null,
  watermark timestamp(3) with time zone not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint sync_cursors_connection_id_resource_direction_pk primary key (connection_id,resource,direction)
);

create table sync_logs (
  seq bigserial primary key,
  venue_id uuid not null,
  sync_id uuid not null,
  at timestamp(3) with time zone default now() not null,
  level text not null,
  action text not null,
  record_id uuid,
  source_id text,
  external_id text,
  code text,
  message text
);

create table sync_runs (
  id uuid primary key,
  venue_id uuid not null,
  connection_id uuid not null,
  provider text not null,
  resource text not null,
  direction text not null,
  mode text not null,
  phase text default 'queued' not null,
  outcome text,
  error jsonb,
  waiting_for jsonb,
  checkpoint jsonb,
  fence integer default 0 not null,
  done bigint default 0 not null,
  total bigint,
  rate_per_second real default 0 not null,
  read_count bigint default 0 not null,
  created_count bigint default 0 not null,
  updated_count bigint default 0 not null,
  unchanged_count bigint default 0 not null,
  archived_count bigint default 0 not null,
  rejected_count bigint default 0 not null,
  conflict_count bigint default 0 not null,
  provider_calls bigint default 0 not null,
  workflow_id text not null,
  workflow_run_id text,
  requested_by text not null,
  stop_requested_at timestamp(3) with time zone,
  started_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

create table transactions (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  kind text not null,
  occurred_at timestamp(3) with time zone not null,
  amount_minor bigint not null,
  currency text not null,
  fee_minor bigint,
  status text not null,
  customer_source_id text,
  related_transaction_id uuid,
  lines jsonb default '[]'::jsonb not null
);

create table venue_api_keys (
  connection_id uuid primary key,
  venue_id uuid not null,
  sealed_key bytea not null,
  generation integer default 1 not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

create table venues (
  id uuid primary key,
  source_id text,
  name text not null,
  time_zone text not null,
  currency text not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

alter table connections add constraint connections_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
alter table customers add constraint customers_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
alter table field_mappings add constraint field_mappings_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table inventory_levels add constraint inventory_levels_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
alter table oauth_tokens add constraint oauth_tokens_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table products add constraint products_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
alter table record_links add constraint record_links_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table sync_cursors add constraint sync_cursors_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table sync_logs add constraint sync_logs_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;
alter table sync_runs add constraint sync_runs_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table transactions add constraint transactions_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
alter table venue_api_keys add constraint venue_api_keys_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;

create index audit_log_venue on audit_log (venue_id,id);
create unique index connections_account on connections (venue_id,provider,environment,external_account_id);
create index connections_venue on connections (venue_id,id);
create unique index customers_source on customers (venue_id,source_id);
create index customers_page on customers (venue_id,id);
create index customers_updated on customers (venue_id,updated_at);
create unique index field_mappings_active on field_mappings (connection_id,resource) where active;
create index idempotency_keys_expiry on idempotency_keys (expires_at);
create unique index inventory_levels_source on inventory_levels (venue_id,source_id);
create index inventory_levels_page on inventory_levels (venue_id,id);
create unique index products_source on products (venue_id,source_id);
create index products_page on products (venue_id,id);
create index provider_leases_key on provider_leases (key);
-- Partial: on a table without statistics the planner held the whole one for equal to the primary key, and read all links of a connection for every record.
create unique index record_links_external on record_links (connection_id,resource,external_id) where external_id is not null;
create index record_links_record on record_links (record_id);
create index sync_logs_run on sync_logs (sync_id,seq);
create unique index sync_runs_open on sync_runs (connection_id,resource,direction) where finished_at is null;
create index sync_runs_venue on sync_runs (venue_id,id);
create unique index transactions_source on transactions (venue_id,source_id);
create index transactions_page on transactions (venue_id,id);
create index transactions_occurred on transactions (venue_id,occurred_at);
create unique index venues_source on venues (source_id);

-- The application sees rows of the venue in scope and no other. Without a scope the setting is missing or empty and the query fails.
alter table audit_log enable row level security;
alter table connections enable row level security;
alter table customers enable row level security;
alter table field_mappings enable row level security;
alter table inventory_levels enable row level security;
alter table oauth_tokens enable row level security;
alter table products enable row level security;
alter table record_links enable row level security;
alter table sync_cursors enable row level security;
alter table sync_logs enable row level security;
alter table sync_runs enable row level security;
alter table transactions enable row level security;
alter table venue_api_keys enable row level security;
alter table venues enable row level security;

create policy audit_log_venue on audit_log using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy connections_venue on connections using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy customers_venue on customers using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy field_mappings_venue on field_mappings using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy inventory_levels_venue on inventory_levels using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy oauth_tokens_venue on oauth_tokens using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy products_venue on products using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy record_links_venue on record_links using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy sync_cursors_venue on sync_cursors using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy sync_logs_venue on sync_logs using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy sync_runs_venue on sync_runs using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy transactions_venue on transactions using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy venue_api_keys_venue on venue_api_keys using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy venues_reach on venues using (current_setting('app.venues') = '*' or id::text = any (string_to_array(current_setting('app.venues'), ','))) with check (current_setting('app.venues') = '*' or id::text = any (string_to_array(current_setting('app.venues'), ',')));

-- What the application may do. It can neither change nor remove what the audit log says.
grant usage on schema public to interlock_app;
grant select, insert, update, delete on
  connections, customers, field_mappings, idempotency_keys, inventory_levels, oauth_tokens, products,
  provider_budgets, provider_leases, record_links, sync_cursors, sync_logs, sync_runs, transactions,
  venue_api_keys, venues
to interlock_app;
grant select, insert on audit_log to interlock_app;
grant usage on sequence sync_logs_seq_seq to interlock_app;
grant select on interlock_migrations to interlock_app;
