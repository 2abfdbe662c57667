alter function provider_account_is_elsewhere(uuid) reset plan_cache_mode;
