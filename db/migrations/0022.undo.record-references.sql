alter table transactions
  add column customer_external_id text,
  add column related_external_id text,
  add column payment_external_id text;
alter table invoices add column customer_external_id text;

update transactions t set
  customer_external_id = n.customer,
  related_external_id = n.related,
  payment_external_id = n.payment
from (
  select record_id, max(external_id) filter (where name = 'customer') as customer, max(external_id) filter (where name = 'related') as related,
    max(external_id) filter (where name = 'payment') as payment
  from record_references where resource = 'transactions' group by record_id) n
where t.id = n.record_id;
update invoices i set customer_external_id = f.external_id
from record_references f where f.record_id = i.id and f.resource = 'invoices' and f.name = 'customer';

create index transactions_customer_external on transactions (venue_id,customer_external_id) where customer_external_id is not null;
create index transactions_related_external on transactions (venue_id,related_external_id) where related_external_id is not null;
create index transactions_payment_external on transactions (venue_id,payment_external_id) where payment_external_id is not null;
create index invoices_customer_external on invoices (venue_id,customer_external_id) where customer_external_id is not null;

drop table record_references;
