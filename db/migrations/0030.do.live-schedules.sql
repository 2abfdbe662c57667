-- How many schedules a venue has is counted here, because Temporal can only list them, and only some time later. Until now nobody has counted:
-- each resource that has ever got a schedule is taken to have one still. One that was deleted since counts until it is deleted again or its
-- connection is disconnected.
alter table connections add column live_schedules jsonb not null default '[]';
update connections set live_schedules = scheduled_resources where state not in ('disconnecting', 'disconnected') and scheduled_resources <> '[]';
