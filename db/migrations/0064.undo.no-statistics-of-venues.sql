alter table customers alter column venue_id set statistics default;
alter table products alter column venue_id set statistics default;
alter table inventory_levels alter column venue_id set statistics default;
alter table transactions alter column venue_id set statistics default;
alter table invoices alter column venue_id set statistics default;
