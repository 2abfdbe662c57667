drop function delete_expired_idempotency_keys();
drop policy idempotency_keys_caller on idempotency_keys;
alter table idempotency_keys disable row level security;
delete from idempotency_keys;
alter table idempotency_keys drop constraint idempotency_keys_answered;
alter table idempotency_keys drop column answer;
alter table idempotency_keys add column headers jsonb, add column body text;
