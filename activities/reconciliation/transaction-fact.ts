import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import type { ProviderRecord } from '../../providers/provider.ts';
import type { TransactionFields } from '../../records/transactions.ts';

/**
 * What is compared of a provider's record in the venue's terms; null for one that is deleted or whose place another has
 * taken, `unmappable` for one that the venue's field mapping cannot read.
 */
export function factOf(
  { deleted, fields: read }: ProviderRecord,
  fieldMapping: Pick<FieldMapping, 'toVenue'>,
): TransactionFact | 'unmappable' | null {
  if (deleted || read === null) return null;
  const { fields, problems } = fieldMapping.toVenue(read);
  if (problems.length > 0) return 'unmappable';
  const { kind, occurredAt, amountMinor, currency, status, posted } = fields as TransactionFields;
  return { kind, occurredAt, amountMinor, currency, status, posted };
}
