alter table webhook_endpoints drop column registration, drop column registration_code, drop column remote_webhook_id;
