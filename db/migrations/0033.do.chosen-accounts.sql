-- Accounts that a connection's grant opens, such as locations, as the provider has listed them last; and those that are synced, null: all.
alter table connections add column listed_accounts jsonb;
alter table connections add column accounts_listed_at timestamp(3) with time zone;
alter table connections add column chosen_accounts jsonb;
-- What was chosen when the run began: a choice that changes meanwhile is the next run's.
alter table sync_runs add column accounts jsonb;
