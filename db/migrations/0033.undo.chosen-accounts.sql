alter table sync_runs drop column accounts;
alter table connections drop column chosen_accounts;
alter table connections drop column accounts_listed_at;
alter table connections drop column listed_accounts;
