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
