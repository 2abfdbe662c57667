drop function abandoned_grants(integer);

create or replace function remove_expired_authorization_exchanges(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.authorization_exchanges where attempt_id in (
    select attempt_id from public.authorization_exchanges where created_at < now() - interval '1 hour' limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;

create or replace function remove_expired_connections(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
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
