alter table record_links drop column refusals;
