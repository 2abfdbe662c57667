-- Whether the service has registered a connection's address with its provider, and the provider's id of it.
alter table webhook_endpoints
  add column registration text,
  add column registration_code text,
  add column remote_webhook_id text,
  add constraint webhook_endpoints_registration check (registration in ('pending', 'registered', 'failed'));
