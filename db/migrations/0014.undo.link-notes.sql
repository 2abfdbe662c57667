alter table record_links drop column notes;
