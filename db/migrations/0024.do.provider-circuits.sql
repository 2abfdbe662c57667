-- Whether a provider, or one account at it, answers: shared by every process. They belong to no venue.
create table provider_circuits (
  key text primary key not null,
  failures integer default 0 not null,
  successes integer default 0 not null,
  opened_at timestamp(3) with time zone,
  retry_at timestamp(3) with time zone,
  probing_until timestamp(3) with time zone,
  updated_at timestamp(3) with time zone default now() not null
);
grant select, insert, update, delete on provider_circuits to interlock_app;

-- How fast chunks of a provider's syncs may begin, as an operator has set it. No row: as they come.
create table provider_brakes (
  provider text primary key not null,
  chunks_per_second real not null,
  next_free_at timestamp (6) with time zone default now() not null,
  set_at timestamp(3) with time zone default now() not null
);
grant select, insert, update, delete on provider_brakes to interlock_app;
