-- Whether a transaction's money is in the books of the provider's balance; null: its status tells.
alter table transactions add column posted boolean;

-- An invoice's lines lay on refunds and disputes of its payment too. What was agreed with the provider moves along.
with changed as (
  update transactions set lines = '[]', version = version + 1, updated_at = now()
  where kind <> 'payment' and payment_external_id is not null and lines <> '[]'
  returning id, version)
update record_links l set record_version = changed.version from changed
where l.resource = 'transactions' and l.record_id = changed.id and l.record_version = changed.version - 1;
