-- Answers were kept in the clear, some with a state that opens an attempt to connect, and their keys did not tell two tokens of one subject
-- apart. Nothing that is there can be found by the new keys; what a request had made is still found by its request key.
delete from idempotency_keys;
alter table idempotency_keys drop column headers, drop column body;
alter table idempotency_keys add column answer bytea;
alter table idempotency_keys add constraint idempotency_keys_answered check ((status is null) = (answer is null));

alter table idempotency_keys enable row level security;
create policy idempotency_keys_caller on idempotency_keys using (caller = current_setting('app.caller')) with check (caller = current_setting('app.caller'));

-- Of every caller: row-level security hides all but one's. It answers how many and nothing else.
create function delete_expired_idempotency_keys() returns bigint
language sql volatile security definer set search_path = pg_catalog, public
as $$
  with deleted as (delete from public.idempotency_keys where expires_at <= now() returning key)
  select count(*) from deleted
$$;
revoke execute on function delete_expired_idempotency_keys() from public;
grant execute on function delete_expired_idempotency_keys() to interlock_app;
