alter table oauth_tokens drop column refresh_sent_at;
alter table oauth_tokens drop column refresh_hard_expires_at;
alter table oauth_tokens drop column obtained_at;

alter table connections drop column flow;
alter table connections drop constraint connections_account_known;
-- What was never connected has no place in the earlier schema.
delete from connections where external_account_id is null;
alter table connections alter column external_account_id set not null;
