import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { fromStored, toStored, withPaths } from '../../domain/sync/merge/agreed-version.ts';
import { comparableFields, mapFieldsOf } from '../../records/comparable-fields.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { together } from '../core/venue-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { OUTSTANDING_VERSION, keepAgreed, saveAgreed } from '../records/agreed-records.ts';
import { fieldsDocument, recordTable, tableOf } from '../records/record-tables.ts';
import { findViolations, incoming, toDocuments, updated } from '../records/record-writing.ts';
import type { FieldProblem } from '../records/record-writing.ts';
import type { Conflict, Resolution } from './conflict.ts';

interface Settling {
  readonly tx: Transaction;
  readonly kind: RecordKind;
}

interface Row extends Record<string, unknown> {
  readonly source_id: string;
  readonly version: number;
  readonly deleted: boolean;
  readonly fields: RecordFields;
  readonly link_version: number | null;
  readonly agreed_venue: RecordFields | null;
  readonly agreed_provider: RecordFields | null;
}

/**
 * Gives the venue's record the values that were chosen, and makes the provider's values the agreed ones: what differs
 * from them then counts as the venue's change, which the next two-way run writes. Returns the rules that the record
 * would break; nothing is written then.
 */
export async function settleConflict(
  { tx, kind }: Settling,
  conflict: Conflict,
  resolution: Resolution,
): Promise<readonly FieldProblem[]> {
  // Row-level security leaves no other venue's record. Locked first, in the order of every writer, and by a statement of its
  // own: one that waits for another writer sees the link as it was before that one's commit.
  const [, [row]] = await together(
    tx.execute(sql`select id from ${tableOf(kind)} where id = ${conflict.recordId} for no key update`),
    tx.execute<Row>(sql`
      select c.source_id, c.version, c.deleted_at is not null as deleted, ${fieldsDocument(recordTable(kind), 'c')} as fields,
        l.record_version as link_version, a.venue as agreed_venue, a.provider as agreed_provider
      from ${tableOf(kind)} c
      left join record_links l on l.record_id = c.id and ${ofLink(sql`l`, conflict)}
      left join agreed_records a on a.record_id = c.id and ${ofLink(sql`a`, conflict)}
      where c.id = ${conflict.recordId}`),
  );
  // A record that was deleted for good has nothing left to settle.
  if (!row) return [];
  if (conflict.kind === 'deleted-by-provider') return settleDeletion({ tx, kind }, conflict, resolution);
  // The push takes the remote record of a deleted record out of use.
  if (conflict.kind === 'deleted-by-venue' && resolution.take === 'venue') return [];
  // Deleted since the conflict was found: its fields were decided, and not whether the record comes back.
  if (conflict.kind === 'fields' && row.deleted) return [];
  return settleFields({ tx, kind }, { conflict, row }, resolution);
}

const ofLink = (row: SQL, { connectionId, resource }: Conflict): SQL =>
  sql`${row}.connection_id = ${connectionId} and ${row}.resource = ${resource}`;

/** The provider deleted the object: the venue's record follows, or the next push creates the object anew. */
async function settleDeletion(
  { tx, kind }: Settling,
  { recordId, connectionId }: Conflict,
  { take }: Resolution,
): Promise<readonly FieldProblem[]> {
  if (take === 'provider')
    await tx.execute(sql`
      with removed as (
        update ${tableOf(kind)} set deleted_at = coalesce(deleted_at, now()), version = version + 1, updated_at = now()
        where id = ${recordId} returning id),
      ${keepAgreed(recordTable(kind), sql`removed`, connectionId)}
      select id from removed`);
  return [];
}

async function settleFields(
  { tx, kind }: Settling,
  { conflict, row }: { readonly conflict: Conflict; readonly row: Row },
  { take, values }: Resolution,
): Promise<readonly FieldProblem[]> {
  const maps = mapFieldsOf(kind);
  const provider = Object.fromEntries(conflict.fields.map((field) => [field.field, field.provider]));
  const own = comparableFields(kind, row.fields);
  const stored = { venue: row.agreed_venue, provider: row.agreed_provider };
  const agreed = fromStored(stored, row.link_version === row.version ? own : null);
  const chosen = withPaths(own, take === 'venue' ? {} : take === 'provider' ? provider : values, maps);
  const problems = await write({ tx, kind }, { ...conflict, sourceId: row.source_id }, chosen);
  if (problems.length > 0) return problems;
  const now = {
    venue: withPaths(agreed.venue, provider, maps),
    provider: withPaths(agreed.provider, provider, maps),
  };
  const agreement = toStored(now, chosen);
  const isRestored = conflict.kind === 'deleted-by-venue';
  await saveAgreed(tx, conflict, [{ recordId: conflict.recordId, agreement }]);
  await tx.execute(sql`
    update record_links l set record_version = ${agreement.venue === null ? sql`c.version` : sql`${OUTSTANDING_VERSION}`}${isRestored ? AS_SEEN : sql``}, updated_at = now()
    from ${tableOf(kind)} c
    where c.id = l.record_id and l.record_id = ${conflict.recordId} and ${ofLink(sql`l`, conflict)}`);
  return [];
}

/** The record comes back as the provider has it, so that nothing is left to write. */
const AS_SEEN = sql`, fingerprint = coalesce(l.remote_fingerprint, l.fingerprint), remote_fingerprint = null`;

/** Writes the record as a load of it would, which also restores it when it is deleted. */
async function write(
  { tx, kind }: Settling,
  { venueId, sourceId }: Pick<Conflict, 'venueId' | 'sourceId'>,
  fields: RecordFields,
): Promise<readonly FieldProblem[]> {
  const scope = { tx, venueId, table: recordTable(kind) };
  const documents = incoming(toDocuments([{ ...fields, sourceId }]));
  const { violations } = await findViolations(scope, documents, 1);
  if (violations.length > 0) return violations.flatMap(({ problems }) => problems);
  await tx.execute(sql`with ${updated(scope, documents)} select source_id from updated`);
  return [];
}
