-- Whether a pull of the connection created the record. Until now the record's sourceId told: the provider and the id there.
alter table record_links add column brought boolean not null default false;
update record_links l set brought = true
from connections n, (select id, source_id from products union all select id, source_id from customers union all select id, source_id from inventory_levels union all select id, source_id from transactions) c
where n.id = l.connection_id and c.id = l.record_id and c.source_id = n.provider || ':' || l.external_id;

-- Two accounts of one venue whose objects have equal ids became one record. It stays with the account that was read last, whose values it
-- holds; the others lose their link, and a full pull creates records of their own. Their cursors go, so that the next pull is a full one.
create temporary table crossed_links on commit drop as
select ranked.record_id, ranked.connection_id, ranked.resource, ranked.external_id
from (
  select l.record_id, l.connection_id, l.resource, l.external_id,
    row_number() over (partition by l.record_id, l.resource order by l.synced_at desc nulls last, l.connection_id) as place
  from record_links l join connections n on n.id = l.connection_id
  where l.brought) ranked
where ranked.place > 1;

update transactions t set
  customer_source_id = case when exists (select from crossed_links c where c.connection_id = l.connection_id and c.resource = 'customers' and c.external_id = t.customer_external_id)
    then null else t.customer_source_id end,
  related_transaction_id = case when exists (select from crossed_links c where c.connection_id = l.connection_id and c.resource = 'transactions' and c.external_id = t.related_external_id)
    then null else t.related_transaction_id end
from record_links l
where l.record_id = t.id and l.resource = 'transactions'
  and exists (select from crossed_links c where c.connection_id = l.connection_id
    and ((c.resource = 'customers' and c.external_id = t.customer_external_id) or (c.resource = 'transactions' and c.external_id = t.related_external_id)));
delete from sync_cursors s using crossed_links c where s.connection_id = c.connection_id and s.resource = c.resource and s.direction = 'pull';
delete from record_links l using crossed_links c where l.record_id = c.record_id and l.connection_id = c.connection_id and l.resource = c.resource;

-- The version of a deletion, and when it was made.
alter table sync_missing
  add column version bigint,
  add column deleted_at timestamp(3) with time zone;

-- A link that is gone has used its idempotency keys up, since its record may be created anew.
update record_links set write_attempt = write_attempt + 1 where state = 'gone';
-- Nothing follows a transaction that another one has taken the place of.
update record_links set external_version = 9007199254740991 where state = 'gone' and resource = 'transactions';
