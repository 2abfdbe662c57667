do $$
declare
  scoped regclass;
begin
  for scoped in
    select c.oid::regclass
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and c.relrowsecurity and n.nspname = current_schema() and a.attname = 'venue_id'
  loop
    execute format('alter table %s alter column venue_id set statistics default', scoped);
  end loop;
end $$;
