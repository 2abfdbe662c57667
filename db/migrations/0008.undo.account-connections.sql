drop function connections_of_provider_account(text, text, text);
