create table invoices (
  id uuid primary key,
  venue_id uuid not null,
  source_id text not null,
  version integer default 1 not null,
  metadata jsonb default '{}'::jsonb not null,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  deleted_at timestamp(3) with time zone,
  number text,
  status text not null,
  issued_at timestamp(3) with time zone,
  due_at timestamp(3) with time zone,
  customer_source_id text,
  currency text not null,
  subtotal_minor bigint,
  tax_minor bigint,
  total_minor bigint not null,
  amount_due_minor bigint,
  lines jsonb default '[]'::jsonb not null,
  customer_external_id text
);
alter table invoices add constraint invoices_venue_id_venues_id_fk foreign key (venue_id) references venues(id);
create unique index invoices_source on invoices (venue_id,source_id);
create index invoices_page on invoices (venue_id,id);
create index invoices_updated on invoices (venue_id,updated_at);
create index invoices_customer_external on invoices (venue_id,customer_external_id) where customer_external_id is not null;
alter table invoices enable row level security;
create policy invoices_venue on invoices using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on invoices to interlock_app;
