-- What a person approved a run to archive. Approvals of earlier versions have none and are asked for again.
alter table sync_runs add column approved jsonb;
