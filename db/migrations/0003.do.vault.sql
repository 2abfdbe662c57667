create table admin_jobs (
  id uuid primary key,
  kind text not null,
  phase text default 'queued' not null,
  outcome text,
  error_type text,
  target_key text not null,
  requested_by text not null,
  pass integer default 1 not null,
  after_venue_id uuid,
  venues_done bigint default 0 not null,
  resealed_in_pass bigint default 0 not null,
  unreadable_in_pass bigint default 0 not null,
  unreadable jsonb default '[]'::jsonb not null,
  venues_total bigint,
  resealed bigint default 0 not null,
  started_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null
);

create table migrated_connections (
  connection_id uuid primary key,
  venue_id uuid not null,
  batch text not null,
  created_at timestamp(3) with time zone default now() not null
);

alter table migrated_connections add constraint migrated_connections_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;

create unique index admin_jobs_open on admin_jobs (kind) where finished_at is null;

alter table migrated_connections enable row level security;
create policy migrated_connections_venue on migrated_connections using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

grant select, insert, update, delete on admin_jobs, migrated_connections to interlock_app;
