-- Connections whose owner never approved, of every venue: row-level security hides all but one venue's. They never had an account, so nothing
-- but the row itself belongs to them. It answers how many it has removed and nothing else.
create function delete_unapproved_connections() returns bigint
language sql volatile security definer set search_path = pg_catalog, public
as $$
  with deleted as (
    delete from public.connections
    where external_account_id is null
      -- What an attempt ended with is shown for an hour. One that is still open a day later has lost its workflow.
      and ((state = 'disconnected' and state_since < now() - interval '1 hour') or (state = 'connecting' and state_since < now() - interval '1 day'))
    returning id)
  select count(*) from deleted
$$;
revoke execute on function delete_unapproved_connections() from public;
grant execute on function delete_unapproved_connections() to interlock_app;
