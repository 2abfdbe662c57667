drop function venues_with_retries(integer);
drop function retry_cleared_dead_letters(integer);
alter table sync_runs drop column dead_letters_only;
