-- What the disconnection of a connection was asked for, so that it can be taken up again when its workflow is lost: `records` and `requestedBy`.
alter table connections add column disconnect_request jsonb;

-- What is open in our rows, of any venue, and has not been touched for this long, so that its workflow may be lost: row-level security shows
-- one venue at a time. `detail` is what the id of the workflow follows from. In random order, so that what waits for days, and is in order,
-- does not keep the rest from being looked at.
create function silent_work(silent_seconds integer, at_most integer)
returns table (kind text, venue_id uuid, id uuid, touched_at timestamptz, detail text)
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select * from (
    select 'sync', run.venue_id, run.id, run.updated_at, run.workflow_id
    from public.sync_runs run where run.finished_at is null
    union all
    select 'reconciliation', reconciliation.venue_id, reconciliation.id, reconciliation.updated_at, reconciliation.workflow_id
    from public.reconciliations reconciliation where reconciliation.finished_at is null
    union all
    select 'disconnection', connection.venue_id, connection.id, connection.updated_at, connection.provider
    from public.connections connection where connection.state = 'disconnecting'
    union all
    select 'registration', endpoint.venue_id, endpoint.connection_id, endpoint.updated_at, encode(endpoint.path_digest, 'hex')
    from public.webhook_endpoints endpoint where endpoint.registration = 'pending'
    union all
    select 'rotation', null, job.id, job.updated_at, null
    from public.admin_jobs job where job.finished_at is null
  ) work(kind, venue_id, id, touched_at, detail)
  where work.touched_at < now() - silent_seconds * interval '1 second'
  order by random()
  limit at_most
$$;
revoke execute on function silent_work(integer, integer) from public;
grant execute on function silent_work(integer, integer) to interlock_app;
