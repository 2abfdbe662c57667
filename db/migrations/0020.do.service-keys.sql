-- Keys that all processes of one installation share and nobody else knows. They guard no credential.
create table service_keys (
  name text primary key,
  key bytea not null,
  created_at timestamp(3) with time zone default now() not null,
  constraint service_keys_length check (octet_length(key) = 32)
);
-- 244 random bits: of each UUID version and variant are fixed.
insert into service_keys (name, key) values ('authorization-state', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
grant select, insert, update, delete on service_keys to interlock_app;
