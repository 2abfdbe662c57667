drop function remove_expired_dead_letters(integer, text, integer);
drop function count_dead_letters();
drop function resolve_event_dead_letters(jsonb);
drop function record_event_dead_letters(jsonb);
drop function record_dead_letters(jsonb);
drop table dead_letters;
