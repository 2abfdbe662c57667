drop table service_keys;
