-- The right to refresh a grant, for a limited time: no transaction is open while the provider answers.
alter table oauth_tokens add column refresh_holder text;
alter table oauth_tokens add column refresh_until timestamp(3) with time zone;
alter table oauth_tokens add column refresh_fence integer default 0 not null;
