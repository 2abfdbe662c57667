-- Objects that a provider has merged into another: older objects still name them.
create table merged_objects (
  connection_id uuid not null,
  resource text not null,
  external_id text not null,
  venue_id uuid not null,
  into_external_id text not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint merged_objects_pk primary key (connection_id,resource,external_id),
  constraint merged_objects_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index merged_objects_into on merged_objects (connection_id,resource,into_external_id);
alter table merged_objects enable row level security;
create policy merged_objects_venue on merged_objects
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on merged_objects to interlock_app;
