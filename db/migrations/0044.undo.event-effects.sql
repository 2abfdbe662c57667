create or replace function remove_expired_webhook_events(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 7);
begin
  delete from public.webhook_events where id in (
    select id from public.webhook_events
    where received_at < cutoff and state not in ('waiting', 'retrying')
    order by received_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
drop function event_targets(text, text, text);
drop table deleted_objects;
-- The former table has one row for each kind of effect, and knew checks of access alone.
delete from webhook_event_effects where kind <> 'access-check';
alter table webhook_event_effects drop constraint webhook_event_effects_once;
alter table webhook_event_effects drop column resource, drop column record_id, drop column reason;
alter table webhook_event_effects add constraint webhook_event_effects_event_id_connection_id_kind_pk primary key (event_id,connection_id,kind);
create or replace function record_webhook_effects(this_event uuid, this_kind text, these_connections uuid[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into public.webhook_event_effects (event_id, venue_id, connection_id, kind)
  select this_event, connection.venue_id, connection.id, this_kind from public.connections connection where connection.id = any (these_connections)
  on conflict (event_id, connection_id, kind) do update set at = now()
$$;
