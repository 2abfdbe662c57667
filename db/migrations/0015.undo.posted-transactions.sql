alter table transactions drop column posted;
