import { sql } from 'drizzle-orm';
import type { ConnectionRef, RecordId } from '../../contracts/ids.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import { transactions } from '../../records/transactions.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The venue's side of a transaction at the provider. */
export interface HeldTransaction {
  readonly recordId: RecordId;
  readonly fact: TransactionFact;
}

interface FactRow extends Record<string, unknown> {
  readonly kind: string;
  readonly occurred_at_ms: number;
  readonly amount_minor: string;
  readonly currency: string;
  readonly status: string;
  readonly posted: boolean | null;
}

/** Columns of `alias` that `toFact` reads. */
export const factColumns = (alias: string) => {
  const column = (name: string) => sql`${sql.identifier(alias)}.${sql.identifier(name)}`;
  return sql`${column('kind')}, (extract(epoch from ${column('occurred_at')}) * 1000)::float8 as occurred_at_ms, ${column('amount_minor')},
    ${column('currency')}, ${column('status')}, ${column('posted')}`;
};

export const toFact = (row: FactRow): TransactionFact => ({
  kind: row.kind,
  occurredAt: new Date(row.occurred_at_ms).toISOString(),
  amountMinor: Number(row.amount_minor),
  currency: row.currency,
  status: row.status,
  posted: row.posted,
});

/** The venue's transactions that the connection ties to these ids of the provider's; deleted ones are left out. */
export async function heldTransactions(
  tx: Transaction,
  { connectionId }: ConnectionRef,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, HeldTransaction>> {
  if (externalIds.length === 0) return new Map();
  const rows = await tx.execute<FactRow & { external_id: string; id: RecordId }>(sql`
    select w.external_id, c.id, ${factColumns('c')}
    from jsonb_array_elements_text(${JSON.stringify(externalIds)}::jsonb) as w(external_id)
    cross join lateral (select record_id from record_links
      where connection_id = ${connectionId} and resource = ${transactions.name} and external_id = w.external_id limit 1) l
    join transactions c on c.id = l.record_id and c.deleted_at is null`);
  return new Map(rows.map((row) => [row.external_id, { recordId: row.id, fact: toFact(row) }]));
}
