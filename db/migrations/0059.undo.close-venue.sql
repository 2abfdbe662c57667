drop function erase_account_events(uuid, integer);
alter table venues drop column closing_since;
