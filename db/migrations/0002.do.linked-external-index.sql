-- Holds only rows with an external id, so that a lookup by record cannot take this index for its own: on a table without statistics
-- the planner held both for equal, and read all of a connection's links for every record.
drop index record_links_external;
create unique index record_links_external on record_links (connection_id,resource,external_id) where external_id is not null;
