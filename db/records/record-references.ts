import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { RecordId } from '../../contracts/ids.ts';
import type { Resource } from '../../contracts/providers.ts';
import type { InvoiceFields, TransactionFields, TransactionLine } from '../../contracts/records.ts';
import type { Decided } from '../pull/pull-lookup.ts';
import { tableOf } from './record-tables.ts';
import type { RunScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** What another of the provider's objects tells of a payment: laid over it. */
export interface Amendment {
  /** The provider's id of the whole payment. */
  readonly payment: string;
  readonly lines: readonly TransactionLine[];
  readonly metadata: Readonly<Record<string, string>>;
}

interface Reference extends Record<string, unknown> {
  readonly external_id: string;
  readonly id: RecordId;
  readonly source_id: string;
}

/** Puts our own ids where transactions and invoices name the provider's, as far as we have the records. */
export async function resolveReferences(
  tx: Transaction,
  scope: RunScope,
  decided: readonly Decided[],
): Promise<readonly Decided[]> {
  const stored = decided.filter(({ pulled }) => pulled.fields !== null && pulled.references !== null);
  if (stored.length === 0) return decided;
  const customers = await find(tx, scope, {
    resource: 'customers',
    externalIds: stored.map(({ pulled }) => pulled.references?.customer),
  });
  const related = await find(tx, scope, {
    resource: 'transactions',
    externalIds: stored.map(({ pulled }) => pulled.references?.related),
  });
  // A refund may come on the same page as its payment, which has its id already.
  const together = new Map(
    decided.filter(({ decision }) => decision === 'create').map(({ pulled, record }) => [pulled.externalId, record.id]),
  );

  const ids = (reference: string | null) =>
    reference === null ? null : (related.get(reference)?.id ?? together.get(reference) ?? null);
  return decided.map((one) =>
    withOwnIds(one, { customer: (reference) => customers.get(reference ?? '')?.source_id ?? null, related: ids }),
  );
}

function withOwnIds(
  one: Decided,
  own: {
    readonly customer: (reference: string | null) => string | null;
    readonly related: (reference: string | null) => RecordId | null;
  },
): Decided {
  const { references, fields } = one.pulled;
  if (!references || !fields) return one;
  const given = fields as TransactionFields | InvoiceFields;
  const customerSourceId = own.customer(references.customer) ?? given.customerSourceId;
  const relatedTransactionId =
    'relatedTransactionId' in given
      ? { relatedTransactionId: own.related(references.related) ?? given.relatedTransactionId }
      : {};
  return { ...one, pulled: { ...one.pulled, fields: { ...given, customerSourceId, ...relatedTransactionId } } };
}

/** Our records that the provider's ids stand for, as far as we have them. */
async function find(
  tx: Transaction,
  scope: RunScope,
  {
    resource,
    externalIds,
  }: { readonly resource: 'customers' | 'transactions'; readonly externalIds: readonly (string | null | undefined)[] },
) {
  const wanted = [...new Set(externalIds.filter((id) => id != null))];
  if (wanted.length === 0) return new Map<string, Reference>();
  const rows = await tx.execute<Reference>(sql`
    select w.external_id, c.id, c.source_id
    from jsonb_array_elements_text(${JSON.stringify(wanted)}::jsonb) as w(external_id)
    cross join lateral (select record_id from record_links where connection_id = ${scope.connectionId} and resource = ${resource}
      and external_id = w.external_id limit 1) l
    join ${sql.identifier(resource)} c on c.id = l.record_id`);
  return new Map(rows.map((row) => [row.external_id, row]));
}

/** Ties records that have waited for these. */
export async function settleReferences(tx: Transaction, scope: RunScope, decided: readonly Decided[]): Promise<void> {
  await settleReferencesTo(
    tx,
    scope,
    decided.map(({ pulled, record }) => ({ externalId: pulled.externalId, ...record })),
  );
}

interface Referring {
  readonly resource: 'transactions' | 'invoices';
  /** `t` is the record that names `r`. */
  readonly set: SQL;
  readonly isWaiting: SQL;
}

const TO_ITS_CUSTOMER = {
  set: sql`customer_source_id = r.source_id`,
  isWaiting: sql`t.customer_external_id = r.external_id and t.customer_source_id is null`,
};

/** By the resource that is named: what names it. */
const REFERRING: Readonly<Partial<Record<Resource, readonly Referring[]>>> = {
  customers: [
    { resource: 'transactions', ...TO_ITS_CUSTOMER },
    { resource: 'invoices', ...TO_ITS_CUSTOMER },
  ],
  transactions: [
    {
      resource: 'transactions',
      set: sql`related_transaction_id = r.id`,
      isWaiting: sql`t.related_external_id = r.external_id and t.related_transaction_id is null`,
    },
  ],
};

/** Ties what came before the customers or payments that it names. */
export async function settleReferencesTo(
  tx: Transaction,
  scope: Pick<RunScope, 'venueId' | 'connectionId' | 'resource'>,
  records: readonly { readonly externalId: string; readonly id: RecordId; readonly sourceId: string }[],
): Promise<void> {
  if (records.length === 0) return;
  const rows = JSON.stringify(
    records.map(({ externalId, id, sourceId }) => ({ external_id: externalId, id, source_id: sourceId })),
  );
  const known = sql`jsonb_to_recordset(${rows}::jsonb) as r(external_id text, id uuid, source_id text)`;
  for (const { resource, set, isWaiting } of REFERRING[scope.resource] ?? []) {
    await changeAgreed(
      tx,
      { ...scope, resource },
      sql`${set}, version = t.version + 1, updated_at = now()
      from ${known} where t.venue_id = ${scope.venueId} and ${isWaiting} and ${isOwn({ ...scope, resource })}`,
    );
  }
}

/**
 * Record `t` is tied to the connection: the provider's ids are unique in one account only. With an offset, so that each link is looked up by
 * its key: the planner would turn a plain condition into a join, and on tables that it knows nothing of read all links of the connection.
 */
const isOwn = ({ connectionId, resource }: Pick<RunScope, 'connectionId' | 'resource'>): SQL => sql`
  exists (select from record_links l where l.record_id = t.id and l.connection_id = ${connectionId} and l.resource = ${resource} offset 0)`;

/** Changes records without making the change the venue's: what was agreed with the provider moves along. */
async function changeAgreed(
  tx: Transaction,
  { connectionId, resource }: Pick<RunScope, 'connectionId' | 'resource'>,
  set: SQL,
): Promise<void> {
  await tx.execute(sql`
    with changed as (update ${tableOf(resource)} t set ${set} returning t.id, t.version)
    update record_links l set record_version = changed.version from changed
    where l.connection_id = ${connectionId} and l.resource = ${resource} and l.record_id = changed.id and l.record_version = changed.version - 1`);
}

/** Lays what an invoice tells over the payment that it caused, which no refund or dispute of it repeats; one that we do not have is left out. */
export async function amendTransactions(
  tx: Transaction,
  scope: RunScope,
  amendments: readonly Amendment[],
): Promise<void> {
  if (amendments.length === 0) return;
  await changeAgreed(
    tx,
    scope,
    sql`
    lines = r.lines, metadata = t.metadata || r.metadata, version = t.version + 1, updated_at = now()
    from jsonb_to_recordset(${JSON.stringify(amendments)}::jsonb) as r(payment text, lines jsonb, metadata jsonb)
    where t.venue_id = ${scope.venueId} and t.payment_external_id = r.payment and t.kind = 'payment' and ${isOwn(scope)}
      and (t.lines, t.metadata) is distinct from (r.lines, t.metadata || r.metadata)`,
  );
}
