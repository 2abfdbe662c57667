-- A later reconciliation looks for the open discrepancies of what both sides have alike by then.
create index discrepancies_open on discrepancies (venue_id, external_id) where state = 'open';
