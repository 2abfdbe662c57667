alter table oauth_tokens drop column refresh_fence;
alter table oauth_tokens drop column refresh_until;
alter table oauth_tokens drop column refresh_holder;
