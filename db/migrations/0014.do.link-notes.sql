-- What the last write could not carry over or left standing at the provider: codes and sentences without values of the record.
alter table record_links add column notes jsonb;
