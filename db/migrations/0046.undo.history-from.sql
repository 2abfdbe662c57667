alter table connection_reach drop column history_from;
