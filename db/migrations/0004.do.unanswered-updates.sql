alter table record_links
  add column sent_version integer,
  add column sent_at timestamp(3) with time zone;
