alter table record_links
  drop column sent_version,
  drop column sent_at;
