alter table record_links
  add column external_state jsonb,
  drop constraint record_links_connection_id_resource_record_id_pk,
  add constraint record_links_pk primary key (record_id,connection_id,resource);
drop index record_links_record;
-- Its predicate always holds; a list repeats it, and no look-up does. On a table without statistics the planner would hold an index that
-- begins with connection and resource for as good as the one by external id, and read all links of a connection for every look-up.
create index record_links_listing on record_links (connection_id,resource,record_id) where write_attempt >= 0;

alter table connections add column scheduled_resources jsonb default '[]'::jsonb not null;

alter table sync_runs
  add column dry_run boolean default false not null,
  add column window_from timestamp(3) with time zone,
  add column window_to timestamp(3) with time zone,
  add column plan_id uuid,
  add column deviation_count bigint default 0 not null,
  add column awaiting jsonb,
  add column plan jsonb,
  add column approved_at timestamp(3) with time zone,
  add column approved_by text;

alter table provider_leases
  add column worker_key integer,
  add column task_token text;

alter table transactions
  add column customer_external_id text,
  add column related_external_id text,
  add column payment_external_id text;

create table sync_missing (
  sync_id uuid not null,
  external_id text not null,
  venue_id uuid not null,
  record_id uuid,
  reason text not null,
  settled boolean default false not null,
  constraint sync_missing_sync_id_external_id_pk primary key (sync_id,external_id)
);

create table sync_plan_items (
  seq bigserial primary key,
  venue_id uuid not null,
  sync_id uuid not null,
  key text not null,
  action text not null,
  record_id uuid,
  source_id text,
  external_id text,
  detail text,
  fingerprint text,
  version bigint,
  met_by uuid
);

alter table sync_missing add constraint sync_missing_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;
alter table sync_plan_items add constraint sync_plan_items_sync_id_sync_runs_id_fk foreign key (sync_id) references sync_runs(id) on delete cascade;

drop index sync_runs_open;
create unique index sync_runs_open on sync_runs (connection_id,resource,direction,dry_run) where finished_at is null;
create index sync_runs_dry on sync_runs (connection_id,resource,direction) where dry_run;
create index inventory_levels_updated on inventory_levels (venue_id,updated_at);
create index products_updated on products (venue_id,updated_at);
create unique index sync_plan_items_key on sync_plan_items (sync_id,key);
create index sync_plan_items_action on sync_plan_items (sync_id,action,seq);
create index transactions_updated on transactions (venue_id,updated_at);
create index transactions_customer_external on transactions (venue_id,customer_external_id) where customer_external_id is not null;
create index transactions_related_external on transactions (venue_id,related_external_id) where related_external_id is not null;
create index transactions_payment_external on transactions (venue_id,payment_external_id) where payment_external_id is not null;

alter table sync_missing enable row level security;
alter table sync_plan_items enable row level security;
create policy sync_missing_venue on sync_missing using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
create policy sync_plan_items_venue on sync_plan_items using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

grant select, insert, update, delete on sync_missing, sync_plan_items to interlock_app;
grant usage on sequence sync_plan_items_seq_seq to interlock_app;
