-- A write that was refused is sent again under another idempotency key: a provider may keep the refusal under the first.
-- Refusals from before are not told apart, so each counts as one.
alter table record_links add column refusals integer not null default 0;
update record_links set refusals = 1 where state = 'rejected';
