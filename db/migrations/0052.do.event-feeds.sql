-- How an event came: sent by its provider, or read from the provider's list of events because it had never arrived.
alter table webhook_events add column origin text default 'delivery' not null;

-- How far the events of a connection were compared with what its provider lists.
create table event_feeds (
  connection_id uuid primary key,
  venue_id uuid not null,
  compared_to timestamp(3) with time zone,
  compared_at timestamp(3) with time zone,
  open jsonb,
  undelivered integer default 0 not null,
  constraint event_feeds_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
alter table event_feeds enable row level security;
create policy event_feeds_venue on event_feeds
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on event_feeds to interlock_app;

-- Connections of all venues whose events are to be compared again: row-level security shows one venue at a time. Where no event of the
-- account has ever been delivered, none is expected, so that nothing is compared.
create function due_event_feeds(these_providers text[], pause_seconds integer, at_most integer)
returns table (venue_id uuid, connection_id uuid, provider text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select connection.venue_id, connection.id, connection.provider
  from public.connections connection
  left join public.event_feeds feed on feed.connection_id = connection.id
  where connection.provider = any (these_providers) and connection.state = 'active'
    and (feed.compared_at is null or feed.compared_at < now() - pause_seconds * interval '1 second')
    and exists (select from public.webhook_events event
      where event.provider = connection.provider and event.environment = connection.environment
        and event.external_account_id = connection.external_account_id and event.origin = 'delivery'
        and event.endpoint in ('app', connection.id::text))
  order by feed.compared_at nulls first, connection.id
  limit at_most
$$;
revoke execute on function due_event_feeds(text[], integer, integer) from public;
grant execute on function due_event_feeds(text[], integer, integer) to interlock_app;
