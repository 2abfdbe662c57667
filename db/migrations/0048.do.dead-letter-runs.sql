-- A run that covers only the records of dead letters which are to be retried.
alter table sync_runs add column dead_letters_only boolean default false not null;

-- Marks entries to be retried whose cause has cleared since they failed: their connection was given access again, or a provider that kept failing
-- has no open circuit any more. An entry that has failed twenty times waits for somebody.
create function retry_cleared_dead_letters(at_most integer) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cleared integer;
begin
  update public.dead_letters set state = 'retrying', retried_at = now() where id in (
    select l.id from public.dead_letters l join public.connections c on c.id = l.connection_id and c.venue_id = l.venue_id
    where l.state = 'open' and l.attempts < 20 and c.state in ('active', 'degraded')
      and (l.source = 'event' or (l.source = 'record' and (l.record_id is not null or l.external_id is not null)))
      and (c.state_since > l.last_failed_at
        or (l.code = 'provider-keeps-failing' and l.last_failed_at < now() - interval '15 minutes'
          and not exists (select from public.provider_circuits p where p.opened_at is not null
            and p.key in (c.provider || '/' || c.environment || '/' || c.external_account_id, c.provider || '/' || c.environment || '/*'))))
    order by l.venue_id, l.source, l.source_key limit at_most for update of l skip locked);
  get diagnostics cleared = row_count;
  return cleared;
end
$$;
revoke execute on function retry_cleared_dead_letters(integer) from public;
grant execute on function retry_cleared_dead_letters(integer) to interlock_app;

-- Venues with entries that are to be retried, those first that have waited longest.
create function venues_with_retries(at_most integer) returns table (venue_id uuid)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select venue_id from public.dead_letters where state = 'retrying' group by venue_id order by min(retried_at), venue_id limit at_most
$$;
revoke execute on function venues_with_retries(integer) from public;
grant execute on function venues_with_retries(integer) to interlock_app;
