drop index connections_unapproved;
drop index sync_runs_failed;
drop index sync_runs_plan;

drop function remove_expired_provider_leases(integer, text, integer);
drop function remove_expired_authorization_exchanges(integer, text, integer);
drop function remove_expired_connections(integer, text, integer);
drop function remove_expired_idempotency_keys(integer, text, integer);
drop function remove_expired_webhook_deliveries(integer, text, integer);
drop function remove_expired_admin_jobs(integer, text, integer);
drop function remove_expired_sync_runs(integer, text, integer);
drop function remove_expired_sync_plan_items(integer, text, integer);
drop function remove_expired_sync_logs(integer, text, integer);
drop function remove_expired_audit_log(integer, text, integer);
drop function retention_uuid_at(timestamp with time zone);
drop function retention_cutoff(integer, integer);

create function delete_unapproved_connections() returns bigint
language sql volatile security definer set search_path = pg_catalog, public
as $$
  with deleted as (
    delete from public.connections
    where external_account_id is null
      and ((state = 'disconnected' and state_since < now() - interval '1 hour') or (state = 'connecting' and state_since < now() - interval '1 day'))
    returning id)
  select count(*) from deleted
$$;
revoke execute on function delete_unapproved_connections() from public;
grant execute on function delete_unapproved_connections() to interlock_app;

create function delete_expired_idempotency_keys() returns bigint
language sql volatile security definer set search_path = pg_catalog, public
as $$
  with deleted as (delete from public.idempotency_keys where expires_at <= now() returning key)
  select count(*) from deleted
$$;
revoke execute on function delete_expired_idempotency_keys() from public;
grant execute on function delete_expired_idempotency_keys() to interlock_app;
