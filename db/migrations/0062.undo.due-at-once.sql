alter table webhook_events alter column due_at set default now();
