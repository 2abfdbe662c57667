drop function watch_silent_syncs(integer, integer);
drop table sync_silences;
