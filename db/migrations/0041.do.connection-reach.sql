-- What a connection leaves out of the records of one kind.
create table connection_reach (
  connection_id uuid not null,
  resource text not null,
  venue_id uuid not null,
  excluded_fields jsonb default '[]'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint connection_reach_connection_id_resource_pk primary key (connection_id,resource),
  constraint connection_reach_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
alter table connection_reach enable row level security;
create policy connection_reach_venue on connection_reach using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on connection_reach to interlock_app;
