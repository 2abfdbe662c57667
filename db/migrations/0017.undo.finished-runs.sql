drop index sync_runs_finished;
drop index sync_runs_connection;
drop index venue_api_keys_venue;
drop index oauth_tokens_venue;
