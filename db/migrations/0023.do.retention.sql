-- Removal of rows that nobody needs any more, of every venue: row-level security hides all but one venue's, and of the audit log the application
-- may remove nothing by itself. Each function works on one page of at most `at_most` rows, so that no transaction is long, and answers how many rows
-- it has removed, where the next page begins (`last`) and whether there is one (`more`); it never answers what a row holds.
-- Each refuses to remove what is younger than a floor of its own, whatever its caller asks for.

create function retention_cutoff(kept_days integer, floor_days integer) returns timestamp with time zone
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
begin
  if kept_days is null or kept_days < floor_days then
    raise exception 'these rows are kept for % days at least', floor_days using errcode = 'check_violation';
  end if;
  return now() - kept_days * interval '1 day';
end
$$;

-- The smallest UUID of version 7 that was made at that time: ids of rows are in the order of their making.
create function retention_uuid_at(instant timestamp with time zone) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp
as $$ select (lpad(to_hex((extract(epoch from instant) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid $$;

create function remove_expired_audit_log(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 30);
begin
  delete from public.audit_log where id in (
    select id from public.audit_log
    where id < public.retention_uuid_at(cutoff) and at < cutoff
    order by id limit at_most);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- Lines of a run that is not over stay, however old. `seq` and `at` grow together but for lines of transactions that overlap.
create function remove_expired_sync_logs(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 1);
begin
  with page as materialized (
    select seq, sync_id, at from public.sync_logs where seq > coalesce(after::bigint, 0) order by seq limit at_most
  ), deleted as (
    delete from public.sync_logs line using page, public.sync_runs run
    where line.seq = page.seq and page.at < cutoff and run.id = page.sync_id and run.finished_at < cutoff
    returning line.seq)
  select (select count(*) from deleted), max(seq)::text, count(*) = at_most and max(at) < cutoff into removed, last, more from page;
end
$$;

-- A plan stays while a run that carries it out is open or can be taken up again: without it everything that the run does would be a deviation.
create function remove_expired_sync_plan_items(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 2);
begin
  with page as materialized (
    select seq, sync_id from public.sync_plan_items where seq > coalesce(after::bigint, 0) order by seq limit at_most
  ), expired as (
    select id from public.sync_runs dry_run
    where id in (select sync_id from page) and finished_at < cutoff
      and not exists (select from public.sync_runs run
        where run.plan_id = dry_run.id and (run.finished_at is null or run.outcome in ('failed', 'cancelled')))
  ), deleted as (
    delete from public.sync_plan_items item using page, expired where item.seq = page.seq and page.sync_id = expired.id returning item.seq)
  -- Of a dry run that began after the cutoff all items are younger, and so is everything behind them.
  select (select count(*) from deleted), max(seq)::text,
    count(*) = at_most and (select run.created_at < cutoff from public.sync_runs run where run.id = (array_agg(page.sync_id order by seq desc))[1])
  into removed, last, more from page;
end
$$;

-- Runs that are over, with whatever is left of their lines, plans and missing records. Of each sync, its newest run, its newest attempt at a full
-- pass and its newest failed run stay, and a dry run stays with the run that carries its plan out.
create function remove_expired_sync_runs(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 8);
  page uuid[];
  expired uuid[];
  details integer := 0;
  affected integer;
begin
  page := array(
    select id from public.sync_runs
    where id > coalesce(after::uuid, public.retention_uuid_at('epoch')) and id < public.retention_uuid_at(cutoff)
    order by id limit at_most);
  -- Locked, so that nobody takes up a run while it goes; one that somebody has locked already stays.
  expired := array(
    select run.id from public.sync_runs run
    where run.id = any (page) and run.finished_at < cutoff
      and exists (select from public.sync_runs newer where newer.connection_id = run.connection_id and newer.resource = run.resource
        and newer.direction = run.direction and newer.dry_run = run.dry_run and newer.id > run.id)
      and (run.mode <> 'full' or run.dry_run or run.window_from is not null or run.window_to is not null or exists (select from public.sync_runs newer where newer.connection_id = run.connection_id
        and newer.resource = run.resource and newer.direction = run.direction and newer.id > run.id
        and newer.mode = 'full' and not newer.dry_run and newer.window_from is null and newer.window_to is null))
      and (run.outcome <> 'failed' or exists (select from public.sync_runs newer where newer.connection_id = run.connection_id
        and newer.resource = run.resource and newer.direction = run.direction and newer.id > run.id and newer.outcome = 'failed'))
      and not exists (select from public.sync_runs carrier where carrier.plan_id = run.id)
    for update skip locked);
  delete from public.sync_missing where (sync_id, external_id) in (
    select sync_id, external_id from public.sync_missing where sync_id = any (expired) limit at_most);
  get diagnostics affected = row_count;
  details := details + affected;
  delete from public.sync_logs where seq in (select seq from public.sync_logs where sync_id = any (expired) limit at_most);
  get diagnostics affected = row_count;
  details := details + affected;
  delete from public.sync_plan_items where seq in (select seq from public.sync_plan_items where sync_id = any (expired) limit at_most);
  get diagnostics affected = row_count;
  details := details + affected;
  delete from public.sync_runs run
  where run.id = any (expired)
    and not exists (select from public.sync_missing where sync_id = run.id)
    and not exists (select from public.sync_logs where sync_id = run.id)
    and not exists (select from public.sync_plan_items where sync_id = run.id);
  get diagnostics affected = row_count;
  removed := details + affected;
  if affected < cardinality(expired) then
    -- More belongs to them than one page: the same runs again.
    last := after;
    more := true;
  else
    last := coalesce(page[cardinality(page)]::text, after);
    more := cardinality(page) = at_most;
  end if;
end
$$;

create function remove_expired_admin_jobs(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 8);
begin
  delete from public.admin_jobs where id in (
    select id from public.admin_jobs job
    where finished_at < cutoff and exists (select from public.admin_jobs newer where newer.kind = job.kind and newer.id > job.id)
    limit at_most);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

create function remove_expired_webhook_deliveries(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 7);
begin
  delete from public.webhook_deliveries where (provider, event_id) in (
    select provider, event_id from public.webhook_deliveries where received_at < cutoff order by received_at limit at_most);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- The rows below say themselves how long they are good for: `kept_days` counts for nothing.

create function remove_expired_idempotency_keys(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.idempotency_keys where (caller, operation, key) in (
    select caller, operation, key from public.idempotency_keys where expires_at <= now() order by expires_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- Connections whose owner never approved. They never had an account, so that nothing but the row itself belongs to them.
create function remove_expired_connections(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.connections where id in (
    select id from public.connections
    where external_account_id is null
      -- What an attempt ended with is shown for an hour. One that is still open a day later has lost its workflow.
      and ((state = 'disconnected' and state_since < now() - interval '1 hour') or (state = 'connecting' and state_since < now() - interval '1 day'))
    limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- What an attempt to connect has left that was terminated. No attempt lives for an hour.
create function remove_expired_authorization_exchanges(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.authorization_exchanges where attempt_id in (
    select attempt_id from public.authorization_exchanges where created_at < now() - interval '1 hour' limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

-- A lease counts for nothing once it has expired. Of a worker that is gone it is found within seconds, by its lock.
create function remove_expired_provider_leases(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.provider_leases where id in (
    select id from public.provider_leases where expires_at < now() - interval '1 day' limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array['retention_cutoff(integer, integer)', 'retention_uuid_at(timestamp with time zone)'] loop
    execute format('revoke execute on function %s from public', signature);
  end loop;
  foreach signature in array array['audit_log', 'sync_logs', 'sync_plan_items', 'sync_runs', 'admin_jobs', 'webhook_deliveries', 'idempotency_keys',
    'connections', 'authorization_exchanges', 'provider_leases'] loop
    execute format('revoke execute on function remove_expired_%s(integer, text, integer) from public', signature);
    execute format('grant execute on function remove_expired_%s(integer, text, integer) to interlock_app', signature);
  end loop;
end
$$;

drop function delete_expired_idempotency_keys();
drop function delete_unapproved_connections();

-- By these a removal finds what it looks for, or that there is nothing.
create index sync_runs_plan on sync_runs (plan_id) where plan_id is not null;
create index sync_runs_failed on sync_runs (connection_id,resource,direction,id) where outcome = 'failed';
create index connections_unapproved on connections (state_since) where external_account_id is null;
