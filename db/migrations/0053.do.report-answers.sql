-- Reports on their way from the worker that read them to the API that answers with them.
create table report_answers (
  id uuid primary key,
  venue_id uuid not null,
  connection_id uuid not null,
  report text not null,
  content jsonb not null,
  read_at timestamp(3) with time zone default now() not null,
  expires_at timestamp(3) with time zone not null,
  constraint report_answers_connection_fk foreign key (venue_id,connection_id) references connections(venue_id,id) on delete cascade
);
create index report_answers_connection on report_answers (connection_id);
create index report_answers_expiry on report_answers (expires_at);
alter table report_answers enable row level security;
create policy report_answers_venue on report_answers
  using (venue_id = current_setting('app.venue_id')::uuid) with check (venue_id = current_setting('app.venue_id')::uuid);
grant select, insert, update, delete on report_answers to interlock_app;

-- Removes one page of answers that nobody waits for any more, of every venue. Each row has its own expiry.
create function remove_expired_report_answers(kept_days integer, after text, at_most integer, out removed integer, out last text, out more boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  delete from public.report_answers where id in (
    select id from public.report_answers where expires_at <= now() order by expires_at limit at_most for update skip locked);
  get diagnostics removed = row_count;
  more := removed = at_most;
end
$$;
revoke execute on function remove_expired_report_answers(integer, text, integer) from public;
grant execute on function remove_expired_report_answers(integer, text, integer) to interlock_app;
