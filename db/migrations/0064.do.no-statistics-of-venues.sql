-- Row-level security adds the venue to every statement. A plan that is made for a venue of few records, or before Postgres
-- knows a venue, would look up records by reading all of the venue. Without statistics of the column each venue counts as
-- a two-hundredth of a table, and ids are looked up one by one.
do $$
declare
  scoped record;
begin
  for scoped in
    select c.oid::regclass as name, n.nspname, c.relname
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and c.relrowsecurity and n.nspname = current_schema() and a.attname = 'venue_id'
  loop
    execute format('alter table %s alter column venue_id set statistics 0', scoped.name);
    perform pg_clear_attribute_stats(scoped.nspname, scoped.relname, 'venue_id', false);
  end loop;
end $$;
