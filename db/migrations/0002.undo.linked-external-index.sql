drop index record_links_external;
create unique index record_links_external on record_links (connection_id,resource,external_id);
