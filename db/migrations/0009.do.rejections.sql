-- A pull asks whether it has logged a rejected object before: by the object's id within the run.
create index sync_logs_rejected on sync_logs (sync_id, external_id) where action = 'rejected';
