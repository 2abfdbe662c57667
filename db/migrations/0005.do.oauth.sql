-- Until its owner has approved, nobody knows whose account it is.
alter table connections alter column external_account_id drop not null;
alter table connections add constraint connections_account_known check (external_account_id is not null or state in ('connecting', 'disconnected'));
alter table connections add column flow text;

alter table oauth_tokens add column obtained_at timestamp(3) with time zone default now() not null;
alter table oauth_tokens add column refresh_hard_expires_at timestamp(3) with time zone;
alter table oauth_tokens add column refresh_sent_at timestamp(3) with time zone;
