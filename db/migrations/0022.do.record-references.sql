-- The provider's ids by which pulled records name one another, as rows of the connection that they belong to. Until now they were columns
-- of transactions and invoices.
create table record_references (
  connection_id uuid not null,
  resource text not null,
  record_id uuid not null,
  name text not null,
  venue_id uuid not null,
  to_resource text not null,
  external_id text not null,
  constraint record_references_pk primary key (record_id,connection_id,name)
);
alter table record_references add constraint record_references_connection_id_connections_id_fk foreign key (connection_id) references connections(id) on delete cascade;
alter table record_references enable row level security;
create policy record_references_venue on record_references using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on record_references to interlock_app;

-- Only a pull has filled those columns, and a pulled record is linked to the connection that brought it.
insert into record_references (connection_id, resource, record_id, name, venue_id, to_resource, external_id)
select l.connection_id, 'transactions', t.id, n.name, t.venue_id, n.to_resource, n.external_id
from transactions t
join record_links l on l.record_id = t.id and l.resource = 'transactions' and l.external_id is not null
cross join lateral (values ('customer', 'customers', t.customer_external_id), ('related', 'transactions', t.related_external_id),
  ('payment', 'transactions', t.payment_external_id)) n(name, to_resource, external_id)
where n.external_id is not null
union all
select l.connection_id, 'invoices', i.id, 'customer', i.venue_id, 'customers', i.customer_external_id
from invoices i
join record_links l on l.record_id = i.id and l.resource = 'invoices' and l.external_id is not null
where i.customer_external_id is not null;

create index record_references_named on record_references (connection_id,to_resource,external_id);

drop index transactions_customer_external;
drop index transactions_related_external;
drop index transactions_payment_external;
drop index invoices_customer_external;
alter table transactions
  drop column customer_external_id,
  drop column related_external_id,
  drop column payment_external_id;
alter table invoices drop column customer_external_id;
