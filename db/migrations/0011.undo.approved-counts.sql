alter table sync_runs drop column approved;
