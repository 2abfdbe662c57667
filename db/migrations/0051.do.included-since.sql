-- Fields that were left out of a connection's records once and are no longer, with when that ended. An agreed version of
-- before says nothing of them.
alter table connection_reach add column included_since jsonb not null default '{}';
