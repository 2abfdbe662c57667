create table webhook_deliveries (
  provider text not null,
  event_id text not null,
  received_at timestamp(3) with time zone default now() not null,
  constraint webhook_deliveries_provider_event_id_pk primary key (provider,event_id)
);
create index webhook_deliveries_received on webhook_deliveries (received_at);
grant select, insert, update, delete on webhook_deliveries to interlock_app;
-- Events that were not applied count as unknown: their providers may send them again.
insert into webhook_deliveries (provider, event_id, received_at)
select provider, event_key, received_at from webhook_events where state = 'applied' and endpoint = 'app' and event_key not like 'sha256:%';

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
revoke execute on function remove_expired_webhook_deliveries(integer, text, integer) from public;
grant execute on function remove_expired_webhook_deliveries(integer, text, integer) to interlock_app;

drop function remove_expired_webhook_event_bodies(integer, text, integer);
drop function remove_expired_webhook_events(integer, text, integer);
drop function record_webhook_effects(uuid, text, uuid[]);
drop table webhook_event_effects;
drop table webhook_inbox;
drop table webhook_events;
