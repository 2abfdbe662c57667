-- Calls in a long window, such as a day, of one provider account or of our app. They belong to no venue.
create table provider_quotas (
  key text not null,
  window_s integer not null,
  used integer not null,
  started_at timestamp(3) with time zone not null,
  constraint provider_quotas_key_window_s_pk primary key (key,window_s)
);
grant select, insert, update, delete on provider_quotas to interlock_app;
