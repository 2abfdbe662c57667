-- A start that takes on a plan asks whether a run of the sync has finished since.
create index sync_runs_finished on sync_runs (connection_id, resource, direction, finished_at) where not dry_run;
-- Runs of one connection are listed newest first, and deleted with it.
create index sync_runs_connection on sync_runs (connection_id, id);
-- A rotation of the vault's keys reads a venue's secrets page by page.
create index venue_api_keys_venue on venue_api_keys (venue_id, connection_id);
create index oauth_tokens_venue on oauth_tokens (venue_id, connection_id);
