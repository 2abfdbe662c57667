alter table sync_runs drop constraint sync_runs_plan_fk;
alter table field_mappings drop constraint field_mappings_connection_fk,
  add constraint field_mappings_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table oauth_tokens drop constraint oauth_tokens_connection_fk,
  add constraint oauth_tokens_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table venue_api_keys drop constraint venue_api_keys_connection_fk,
  add constraint venue_api_keys_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table authorization_exchanges drop constraint authorization_exchanges_connection_fk,
  add constraint authorization_exchanges_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table migrated_connections drop constraint migrated_connections_connection_fk,
  add constraint migrated_connections_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table record_links drop constraint record_links_connection_fk,
  add constraint record_links_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table record_references drop constraint record_references_connection_fk,
  add constraint record_references_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table sync_cursors drop constraint sync_cursors_connection_fk,
  add constraint sync_cursors_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table sync_logs drop constraint sync_logs_run_fk,
  add constraint sync_logs_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;
alter table sync_missing drop constraint sync_missing_run_fk,
  add constraint sync_missing_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;
alter table sync_plan_items drop constraint sync_plan_items_run_fk,
  add constraint sync_plan_items_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;
alter table sync_runs drop constraint sync_runs_connection_fk,
  add constraint sync_runs_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table connections drop constraint connections_venue;
create index connections_venue on connections (venue_id,id);
alter table sync_runs drop constraint sync_runs_venue;
create index sync_runs_venue on sync_runs (venue_id,id);
