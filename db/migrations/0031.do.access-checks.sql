-- Which checks of a grant have begun, and for which one a signal already waits in Temporal: so that a provider that sends word of a revocation a
-- thousand times costs one signal, and not a thousand.
alter table oauth_tokens
  add column access_checks integer not null default 0,
  add column access_check_signalled integer,
  add column access_check_signalled_at timestamptz(3);
