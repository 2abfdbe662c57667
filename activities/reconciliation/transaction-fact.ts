import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import type { ProviderRecord } from '../../providers/provider.ts';
import type { TransactionFields } from '../../records/transactions.ts';

/** What is compared of a provider's record; null for one that is deleted or whose place another has taken. */
export function factOf({ deleted, fields }: ProviderRecord): TransactionFact | null {
  if (deleted || fields === null) return null;
  const { kind, occurredAt, amountMinor, currency, status, posted } = fields as TransactionFields;
  return { kind, occurredAt, amountMinor, currency, status, posted };
}
