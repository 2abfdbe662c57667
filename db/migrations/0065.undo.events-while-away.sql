drop function repeat_missed_events(integer, integer);
drop index webhook_event_effects_missed;
alter table webhook_events drop column again_for;
drop function away_event_targets(jsonb);
