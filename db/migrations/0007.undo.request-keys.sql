drop index venues_request;
alter table venues drop column request_key;

drop index sync_runs_request;
alter table sync_runs drop column request_key;
