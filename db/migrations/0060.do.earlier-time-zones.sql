-- The zones that a venue has had, each with the time of its end: a date that was written in one of them stays.
alter table venues add column earlier_time_zones jsonb not null default '[]';
