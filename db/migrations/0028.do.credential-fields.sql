-- Of credentials with several fields, those that are not secret, such as a base URL or a user's name; the secret ones are sealed together.
-- Null: what is sealed is the one secret key itself.
alter table venue_api_keys add column fields jsonb;
