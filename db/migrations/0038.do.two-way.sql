-- What two-way runs need beside a link: the version that both sides agreed on, as far as the record does not show it, and conflicts.

alter table record_links add column remote_fingerprint text;
alter table record_links add column last_push_id uuid;

create table agreed_records (
  connection_id uuid not null,
  resource text not null,
  record_id uuid not null,
  venue_id uuid not null,
  venue jsonb,
  provider jsonb,
  created_at timestamp(3) with time zone not null default now(),
  constraint agreed_records_pk primary key (record_id,connection_id,resource),
  constraint agreed_records_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index agreed_records_connection on agreed_records (connection_id);
alter table agreed_records enable row level security;
create policy agreed_records_venue on agreed_records using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on agreed_records to interlock_app;

create table merge_conflicts (
  id uuid primary key,
  venue_id uuid not null,
  connection_id uuid not null,
  resource text not null,
  record_id uuid not null,
  source_id text not null,
  external_id text,
  kind text not null,
  fields jsonb not null,
  state text not null default 'open',
  resolution text,
  sync_id uuid,
  resolved_at timestamp(3) with time zone,
  resolved_by text,
  created_at timestamp(3) with time zone not null default now(),
  updated_at timestamp(3) with time zone not null default now(),
  constraint merge_conflicts_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create unique index merge_conflicts_open on merge_conflicts (record_id,connection_id,resource) where state = 'open';
create index merge_conflicts_page on merge_conflicts (venue_id,id);
create index merge_conflicts_connection on merge_conflicts (connection_id,id);
create index merge_conflicts_resolved on merge_conflicts (resolved_at) where state = 'resolved';
alter table merge_conflicts enable row level security;
create policy merge_conflicts_venue on merge_conflicts using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on merge_conflicts to interlock_app;

create function remove_expired_merge_conflicts(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 8);
begin
  delete from public.merge_conflicts where id in (
    select id from public.merge_conflicts where state = 'resolved' and resolved_at < cutoff order by resolved_at limit at_most);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
revoke execute on function remove_expired_merge_conflicts(integer, text, integer) from public;
grant execute on function remove_expired_merge_conflicts(integer, text, integer) to interlock_app;
