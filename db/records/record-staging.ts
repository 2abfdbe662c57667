import { sql } from 'drizzle-orm';
import type { VenueId } from '../../contracts/ids.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { created, findViolations, incoming, lockKnown, updated } from './record-writing.ts';
import type { NumberedDocument, Violation, WriteScope } from './record-writing.ts';
import type { RecordTable } from './record-tables.ts';
import { writeMany } from '../core/many-rows.ts';
import { allowLongTransaction, withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

/** An atomic load of any size. */
export interface StagedLoad {
  /** Read to its end before anything is locked. `no` identifies a record in violations. */
  readonly documents: AsyncIterable<readonly NumberedDocument[]>;
  /** Called after all documents were read. False when there are other errors, so that nothing may be written. */
  readonly mayWrite: () => boolean;
  /** Maximum number of violations to return. All are counted. */
  readonly limit: number;
  /** The audit row for what was written. */
  readonly auditOf?: AuditOf<StagedCounts>;
}

export interface StagedCounts {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
}

export type StagedResult =
  | ({ readonly written: true } & StagedCounts)
  | { readonly written: false; readonly total: number; readonly violations: readonly Violation[] };

/**
 * Writes all records in one transaction, or none and returns the violated rules. Records are staged in a temporary
 * table, so that no row is locked before the last one has arrived, however slowly, and nothing is held in memory.
 */
export async function writeStaged(
  db: Database,
  { venueId, table }: { readonly venueId: VenueId; readonly table: RecordTable },
  load: StagedLoad,
): Promise<StagedResult> {
  // An error while reading, such as a caller that hangs up, must not look like a lost connection of the transaction.
  const broken: { error?: unknown } = {};
  try {
    return await withVenue(db, venueId, async (tx) => {
      const scope = { tx, venueId, table };
      await allowLongTransaction(tx);
      await tx.execute(
        sql`create temporary table staged_records (no int not null, id uuid not null, source_id text not null, document jsonb not null) on commit drop`,
      );
      const total = await stage(scope, reading(load.documents, broken));
      // Without statistics the planner would compare every new record with every other.
      await tx.execute(sql`analyze staged_records`);
      return recordWith(tx, await write(scope, load, total), (result) =>
        result.written ? (load.auditOf?.(result) ?? null) : null,
      );
    });
  } catch (error) {
    if (error instanceof Refused) return { written: false, ...error.found };
    throw error instanceof BrokenOff ? broken.error : error;
  }
}

const STAGED = sql`staged_records`;

async function stage({ tx }: WriteScope, documents: AsyncIterable<readonly NumberedDocument[]>): Promise<number> {
  let total = 0;
  for await (const some of documents) {
    await tx.execute(
      sql`insert into staged_records (no, id, source_id, document) select s.no, s.id, s.source_id, s.document from ${incoming(some)} s`,
    );
    total += some.length;
  }
  return total;
}

async function write(scope: WriteScope, { mayWrite, limit }: StagedLoad, total: number): Promise<StagedResult> {
  const refuse = async (): Promise<never> => {
    throw new Refused(await findViolations(scope, STAGED, limit));
  };
  if (!mayWrite()) return refuse();
  const { tx } = scope;
  const [inserted] = await writeMany<{ count: number }>(
    tx,
    sql`with ${created(scope, STAGED)} select count(*)::int as count from created`,
  );
  const createdCount = inserted?.count ?? 0;
  if (createdCount === total) return { written: true, created: total, updated: 0, unchanged: 0 };
  await lockKnown(scope, STAGED);
  const found = await findViolations(scope, STAGED, limit);
  if (found.total > 0) throw new Refused(found);
  const [changed] = await tx.execute<{ count: number }>(
    sql`with ${updated(scope, STAGED)} select count(*)::int as count from updated`,
  );
  const updatedCount = changed?.count ?? 0;
  return {
    written: true,
    created: createdCount,
    updated: updatedCount,
    unchanged: total - createdCount - updatedCount,
  };
}

async function* reading<T>(source: AsyncIterable<T>, broken: { error?: unknown }): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    broken.error = error;
    throw new BrokenOff();
  }
}

/** Thrown to roll back because of violations. */
class Refused extends Error {
  override readonly name = 'Refused';
  readonly found: { readonly total: number; readonly violations: readonly Violation[] };

  constructor(found: { readonly total: number; readonly violations: readonly Violation[] }) {
    super('the records break rules');
    this.found = found;
  }
}

/** Thrown to roll back after an error while reading. */
class BrokenOff extends Error {
  override readonly name = 'BrokenOff';
}
