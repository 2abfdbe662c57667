drop function remove_expired_outgoing_messages(integer, text, integer);
drop function count_pending_deliveries();
drop function claim_due_subscriptions(integer);
drop table deliveries;
drop table outgoing_messages;
drop table subscription_secrets;
drop table subscriptions;
