drop function remove_expired_reconciliations(integer, text, integer);
drop table discrepancies;
drop table reconciliation_readings;
drop table reconciliations;
