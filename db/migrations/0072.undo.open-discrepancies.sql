drop index discrepancies_open;
