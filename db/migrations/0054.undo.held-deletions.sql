drop function resources_with_held_deletions(integer, integer);
drop index webhook_event_effects_held;
drop index webhook_event_effects_deleted;
