-- A transaction of its own: it reads every transaction that names another, and holds up nobody who reads or writes them.
alter table transactions validate constraint transactions_related_transaction_fk;
