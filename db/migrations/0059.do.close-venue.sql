-- Since when a venue is being closed: it stays readable until its rows are erased.
alter table venues add column closing_since timestamp(3) with time zone;

-- Erases events of one connection's account: those of its own address, and those of the account where no other venue has connected it.
-- Row-level security shows one venue's connections at a time. Answers how many rows are gone.
create function erase_account_events(this_connection uuid, at_most integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  erased integer;
begin
  with this as (
    select * from public.connections where id = this_connection and venue_id = current_setting('app.venue_id')::uuid
  ), doomed as (
    (select event.id from this join public.webhook_events event on event.provider = this.provider and event.endpoint = this.id::text limit at_most)
    union all
    (select event.id from this join public.webhook_events event
      on event.provider = this.provider and event.environment = this.environment and event.external_account_id = this.external_account_id
    where event.endpoint = 'app' and not exists (
      select from public.connections other
      where other.provider = this.provider and other.environment = this.environment and other.external_account_id = this.external_account_id
        and other.venue_id <> this.venue_id and other.state not in ('connecting', 'disconnected'))
    limit at_most)
  ), gone as (
    delete from public.webhook_events where id in (select id from doomed limit at_most) returning id)
  select count(*) from gone into erased;
  return erased;
end
$$;
revoke execute on function erase_account_events(uuid, integer) from public;
grant execute on function erase_account_events(uuid, integer) to interlock_app;
