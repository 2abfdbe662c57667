drop function silent_work(integer, integer);
alter table connections drop column disconnect_request;
