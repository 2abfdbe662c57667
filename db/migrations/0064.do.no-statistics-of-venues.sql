-- Row-level security adds the venue to every statement. A plan that is made for a venue of few records, or before Postgres
-- knows a venue, would look up records by reading all of the venue. Without statistics of the column each venue counts as
-- a two-hundredth of a table, and ids are looked up one by one.
do $$
declare
  records text;
begin
  foreach records in array array['customers', 'products', 'inventory_levels', 'transactions', 'invoices'] loop
    execute format('alter table %I alter column venue_id set statistics 0', records);
    perform pg_clear_attribute_stats(current_schema()::text, records, 'venue_id', false);
  end loop;
end $$;
