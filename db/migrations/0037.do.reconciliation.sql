-- Reconciliations compare a connection's transactions with the provider's, business day by business day.
create table reconciliations (
  id uuid primary key,
  venue_id uuid not null,
  connection_id uuid not null,
  provider text not null,
  from_day date not null,
  to_day date not null,
  time_zone text not null,
  phase text default 'queued' not null,
  outcome text,
  error jsonb,
  waiting_for jsonb,
  accounts jsonb,
  checkpoint jsonb,
  fence integer default 0 not null,
  totals jsonb default '[]'::jsonb not null,
  read_count bigint default 0 not null,
  compared_count bigint default 0 not null,
  unreadable_count bigint default 0 not null,
  discrepancy_count bigint default 0 not null,
  provider_calls bigint default 0 not null,
  workflow_id text not null,
  workflow_run_id text,
  requested_by text not null,
  request_key text,
  started_at timestamp(3) with time zone,
  finished_at timestamp(3) with time zone,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint reconciliations_venue unique (venue_id,id),
  constraint reconciliations_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create unique index reconciliations_open on reconciliations (connection_id) where finished_at is null;
create unique index reconciliations_request on reconciliations (venue_id,request_key) where request_key is not null;
create index reconciliations_connection on reconciliations (connection_id,id);
alter table reconciliations enable row level security;
create policy reconciliations_venue on reconciliations using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

create table reconciliation_readings (
  reconciliation_id uuid not null,
  external_id text not null,
  venue_id uuid not null,
  version bigint not null,
  kind text not null,
  occurred_at timestamp(3) with time zone not null,
  amount_minor bigint not null,
  currency text not null,
  status text not null,
  posted boolean,
  constraint reconciliation_readings_reconciliation_id_external_id_pk primary key (reconciliation_id,external_id),
  constraint reconciliation_readings_fk foreign key (venue_id,reconciliation_id) references reconciliations(venue_id,id) on delete cascade
);
alter table reconciliation_readings enable row level security;
create policy reconciliation_readings_venue on reconciliation_readings using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

create table discrepancies (
  id uuid primary key,
  reconciliation_id uuid not null,
  venue_id uuid not null,
  kind text not null,
  differs jsonb not null,
  day date not null,
  external_id text not null,
  record_id uuid,
  here jsonb,
  there jsonb,
  state text default 'open' not null,
  problem jsonb,
  settled_at timestamp(3) with time zone,
  settled_by text,
  created_at timestamp(3) with time zone default now() not null,
  updated_at timestamp(3) with time zone default now() not null,
  constraint discrepancies_reconciliation_fk foreign key (venue_id,reconciliation_id) references reconciliations(venue_id,id) on delete cascade
);
create unique index discrepancies_transaction on discrepancies (reconciliation_id,external_id);
create index discrepancies_page on discrepancies (reconciliation_id,id);
alter table discrepancies enable row level security;
create policy discrepancies_venue on discrepancies using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);

grant select, insert, update, delete on reconciliations, reconciliation_readings, discrepancies to interlock_app;

-- Keeps the newest of a connection, which says when it was last compared.
create function remove_expired_reconciliations(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  cutoff constant timestamp with time zone := public.retention_cutoff(kept_days, 8);
  expired uuid;
  affected integer;
begin
  select id into expired from public.reconciliations old
  where finished_at < cutoff
    and exists (select from public.reconciliations newer where newer.connection_id = old.connection_id and newer.id > old.id)
  order by id limit 1 for update skip locked;
  removed := 0;
  more := expired is not null;
  if not more then
    return;
  end if;
  delete from public.discrepancies where id in (select id from public.discrepancies where reconciliation_id = expired limit at_most);
  get diagnostics removed = row_count;
  -- More belongs to it than one page: it is found again.
  if removed < at_most then
    delete from public.reconciliations where id = expired;
    get diagnostics affected = row_count;
    removed := removed + affected;
  end if;
end
$$;
revoke execute on function remove_expired_reconciliations(integer, text, integer) from public;
grant execute on function remove_expired_reconciliations(integer, text, integer) to interlock_app;
