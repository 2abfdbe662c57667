-- A transaction names another by its id. Row-level security is not asked by what follows an id, so that the key compares the venue too.
-- Rows that name one which is not there, or another venue's, name none from now on. For their venues that is a change like any other.
with emptied as (
  update transactions t set related_transaction_id = null, version = t.version + 1, updated_at = now()
  where related_transaction_id is not null
    and not exists (select from transactions named where named.venue_id = t.venue_id and named.id = t.related_transaction_id)
  returning t.id, t.version)
update record_links l set record_version = emptied.version from emptied
where l.resource = 'transactions' and l.record_id = emptied.id and l.record_version = emptied.version - 1;

drop index transactions_page;
alter table transactions add constraint transactions_venue unique (venue_id,id);
-- By this a deletion finds who names what is deleted.
create index transactions_related_transaction on transactions (venue_id,related_transaction_id) where related_transaction_id is not null;
-- Without a look at the rows that are there, so that writers do not wait for it: the next migration looks, and lets them write meanwhile.
alter table transactions add constraint transactions_related_transaction_fk
  foreign key (venue_id,related_transaction_id) references transactions(venue_id,id) not valid;
