alter table record_links drop column mapping_version;
alter table field_mappings drop column reprojected_at, drop column activated_at, drop column restored_version;
