drop table migrated_connections;
drop table admin_jobs;
