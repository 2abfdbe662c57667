-- Creations whose answers are not stored yet: an event about an object that has no record may be about one of theirs.
create index record_links_pending on record_links (connection_id,resource,updated_at) where state = 'pending';
