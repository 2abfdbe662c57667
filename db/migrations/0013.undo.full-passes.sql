drop index sync_runs_full;
delete from sync_cursors where watermark is null;
alter table sync_cursors drop column full_started_at, drop column full_finished_at;
alter table sync_cursors alter column watermark set not null;
