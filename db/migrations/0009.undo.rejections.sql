drop index sync_logs_rejected;
