drop index record_links_pending;
