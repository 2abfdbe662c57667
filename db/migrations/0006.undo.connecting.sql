drop index connections_account_anywhere;
drop function provider_account_is_shared(uuid);
alter table oauth_tokens drop column authorized_by;
