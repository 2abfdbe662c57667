-- Interlock's logins and database. The Postgres image runs this as superuser when its volume is empty.
\getenv migrations_password INTERLOCK_MIGRATIONS_DB_PASSWORD
\getenv service_password INTERLOCK_DB_PASSWORD

-- Migrations own the tables. Services own nothing: they only take on interlock_app, which row-level security binds.
create role interlock_app nologin nosuperuser nocreatedb nocreaterole nobypassrls;
create role interlock_migrations login password :'migrations_password';
create role interlock login noinherit password :'service_password';
grant interlock_app to interlock_migrations;
grant interlock_app to interlock;

create database interlock owner interlock_migrations;
revoke all on database interlock from public;
grant connect on database interlock to interlock;
