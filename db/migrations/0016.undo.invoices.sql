delete from record_links where resource = 'invoices';
delete from sync_cursors where resource = 'invoices';
drop table invoices;
