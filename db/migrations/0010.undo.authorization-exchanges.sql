drop function provider_account_is_elsewhere(uuid);
drop table authorization_exchanges;
