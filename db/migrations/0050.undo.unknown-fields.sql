drop table unknown_fields;
