drop table sync_logs;
drop table sync_runs;
drop table sync_cursors;
drop table record_links;
drop table field_mappings;
drop table oauth_tokens;
drop table venue_api_keys;
drop table connections;
drop table customers;
drop table products;
drop table inventory_levels;
drop table transactions;
drop table venues;
drop table audit_log;
drop table idempotency_keys;
drop table provider_budgets;
drop table provider_leases;

revoke usage on schema public from interlock_app;
revoke select on interlock_migrations from interlock_app;

-- Other databases of the cluster may use the role, or somebody else may have made it: then it stays.
do $$
begin
  drop role interlock_app;
exception when dependent_objects_still_exist or insufficient_privilege then
  null;
end
$$;
