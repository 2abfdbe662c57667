alter table record_links drop column brought;
alter table sync_missing drop column version, drop column deleted_at;
