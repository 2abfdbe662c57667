-- The idempotency key of the batch that a first write was sent in. A batch is only repeated whole, under its key.
alter table record_links add column batch_key text;
