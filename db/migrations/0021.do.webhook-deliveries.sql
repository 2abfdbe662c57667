-- Events of providers that have had their effect: the same one sent again has none. Ids only; they belong to no venue.
create table webhook_deliveries (
  provider text not null,
  event_id text not null,
  received_at timestamp(3) with time zone default now() not null,
  constraint webhook_deliveries_provider_event_id_pk primary key (provider,event_id)
);
create index webhook_deliveries_received on webhook_deliveries (received_at);
grant select, insert, update, delete on webhook_deliveries to interlock_app;
