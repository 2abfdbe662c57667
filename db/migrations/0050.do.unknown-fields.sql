-- Fields of a provider's objects that the adapter has no meaning for: names, never values.
create table unknown_fields (
  connection_id uuid not null,
  resource text not null,
  path text not null,
  venue_id uuid not null,
  kind text not null,
  first_seen_at timestamp(3) with time zone default now() not null,
  last_seen_at timestamp(3) with time zone default now() not null,
  constraint unknown_fields_connection_id_resource_path_pk primary key (connection_id,resource,path),
  constraint unknown_fields_path check (path ~ '^[A-Za-z0-9_.]{1,200}$'),
  constraint unknown_fields_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
alter table unknown_fields enable row level security;
create policy unknown_fields_venue on unknown_fields using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on unknown_fields to interlock_app;
