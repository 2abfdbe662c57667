alter table venues drop column pulled_without_account;
