-- Temporal's login and databases. The Postgres image runs this as superuser when its volume is empty.
\getenv temporal_password TEMPORAL_DB_PASSWORD

create role temporal login password :'temporal_password';
create database temporal owner temporal;
create database temporal_visibility owner temporal;
revoke all on database temporal from public;
revoke all on database temporal_visibility from public;
