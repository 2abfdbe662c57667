drop function remove_expired_merge_conflicts(integer, text, integer);
drop table merge_conflicts;
drop table agreed_records;
alter table record_links drop column last_push_id;
alter table record_links drop column remote_fingerprint;
-- Only two-way runs have a cursor of this direction.
delete from sync_cursors where direction = 'both';
