drop function due_event_feeds(text[], integer, integer);
drop table event_feeds;
alter table webhook_events drop column origin;
