alter table record_links drop column batch_key;
