alter table oauth_tokens drop column access_checks, drop column access_check_signalled, drop column access_check_signalled_at;
