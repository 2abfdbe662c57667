-- A two-way run asks which of the venue's customers have the addresses of the provider's, without regard to case.
create index customers_email on customers (venue_id,lower(email)) where length(email) <= 512;

-- Customers in use of the venue of the transaction, by their addresses in lower case; none for an address that a hundred have. A function,
-- because row-level security keeps a condition with lower() out of the index: each address would read all the venue's customers.
create function customers_by_email(keys text[])
returns table (id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select unnest(alike.ids)
  from unnest(keys) as wanted(key)
  cross join lateral (
    select array_agg(found.id) as ids from (
      select customer.id from public.customers customer
      where customer.venue_id = current_setting('app.venue_id')::uuid and lower(customer.email) = wanted.key and length(customer.email) <= 512
        and customer.deleted_at is null
      limit 100) found) alike
  where cardinality(alike.ids) < 100
$$;
revoke execute on function customers_by_email(text[]) from public;
grant execute on function customers_by_email(text[]) to interlock_app;
