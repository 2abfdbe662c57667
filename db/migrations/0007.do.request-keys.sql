alter table sync_runs add column request_key text;
-- Most runs come from a Schedule and have none.
create unique index sync_runs_request on sync_runs (venue_id,request_key) where request_key is not null;

alter table venues add column request_key text;
create unique index venues_request on venues (request_key);
