-- The day before which a connection pulls no history of a resource; null: all of it.
alter table connection_reach add column history_from date;
