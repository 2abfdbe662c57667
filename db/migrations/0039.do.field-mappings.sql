-- Versions of a field mapping, and the version that each record was last read or written under.
alter table field_mappings add column restored_version integer, add column activated_at timestamp(3) with time zone,
  add column reprojected_at timestamp(3) with time zone;
update field_mappings set activated_at = created_at;
alter table record_links add column mapping_version integer not null default 0;
