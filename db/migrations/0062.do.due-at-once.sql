-- now() is rounded to the milliseconds of the column, up to half a millisecond ahead: such an event was not due yet.
alter table webhook_events alter column due_at set default date_trunc('milliseconds', now());
