alter table transactions drop constraint transactions_related_transaction_fk;
drop index transactions_related_transaction;
alter table transactions drop constraint transactions_venue;
create index transactions_page on transactions (venue_id,id);
