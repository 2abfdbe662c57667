-- A push that went through everything has no watermark.
alter table sync_cursors alter column watermark drop not null;
-- When the last completed run that went through everything began and ended.
alter table sync_cursors add column full_started_at timestamptz(3), add column full_finished_at timestamptz(3);
-- The first pull of a sync reads everything, whatever its mode.
update sync_cursors c set full_started_at = f.started_at, full_finished_at = f.finished_at
from (
  select distinct on (r.connection_id, r.resource, r.direction) r.connection_id, r.resource, r.direction, r.started_at, r.finished_at
  from sync_runs r
  where not r.dry_run and r.window_from is null and r.window_to is null and r.outcome in ('completed', 'completed-with-rejections')
    and (r.mode = 'full' or not exists (
      select from sync_runs earlier
      where earlier.connection_id = r.connection_id and earlier.resource = r.resource and earlier.direction = r.direction and earlier.id < r.id
        and not earlier.dry_run and earlier.window_from is null and earlier.window_to is null and earlier.outcome in ('completed', 'completed-with-rejections')))
  order by r.connection_id, r.resource, r.direction, r.id desc
) f
where c.connection_id = f.connection_id and c.resource = f.resource and c.direction = f.direction;
-- Every scheduled run looks for the newest attempt.
create index sync_runs_full on sync_runs (connection_id, resource, direction, id) where mode = 'full' and not dry_run;
