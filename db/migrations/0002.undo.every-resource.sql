drop table sync_plan_items;
drop table sync_missing;

-- A dry run and a run may both be open; the older schema knows no dry runs.
delete from sync_runs where dry_run;
drop index sync_runs_open;
drop index sync_runs_dry;
create unique index sync_runs_open on sync_runs (connection_id,resource,direction) where finished_at is null;
drop index inventory_levels_updated;
drop index products_updated;
drop index transactions_updated;

alter table transactions
  drop column customer_external_id,
  drop column related_external_id,
  drop column payment_external_id;

alter table sync_runs
  drop column dry_run,
  drop column window_from,
  drop column window_to,
  drop column plan_id,
  drop column deviation_count,
  drop column awaiting,
  drop column plan,
  drop column approved_at,
  drop column approved_by;

alter table provider_leases
  drop column worker_key,
  drop column task_token;

drop index record_links_listing;
alter table record_links
  drop column external_state,
  drop constraint record_links_pk,
  add constraint record_links_connection_id_resource_record_id_pk primary key (connection_id,resource,record_id);
create index record_links_record on record_links (record_id);

alter table connections drop column scheduled_resources;
