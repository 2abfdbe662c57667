import { and, asc, eq, ne, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { ClosingCounts, ClosingRef, ErasedRows, ErasureCursor } from '../../contracts/venues.ts';
import { codesOf } from '../../domain/errors/error-codes.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { AuditStore } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { venues } from '../schema/venues.ts';
import { erasurePlanOf } from './erasure-plan.ts';
import type { ErasureStep } from './erasure-plan.ts';

/** A connection that a closing has yet to end. */
export interface OpenConnection {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
}

/** The steps of the closing of a venue. Each may be repeated. */
export interface VenueClosingStore {
  /** Connections that are not disconnected. */
  listOpen(venueId: VenueId): Promise<readonly OpenConnection[]>;
  /** Messages to enabled subscriptions that were never tried. */
  countUnsent(venueId: VenueId): Promise<number>;
  /** Erases a page of at most `limit` rows, in a transaction of its own. */
  eraseSome(venueId: VenueId, cursor: ErasureCursor | null, limit: number): Promise<ErasedRows>;
  /** Deletes the venue, and says so in the audit log. False while rows refer to it. */
  finish(closing: ClosingRef & ClosingCounts): Promise<boolean>;
}

/** Events belong to accounts and not to venues; they go before the connections that lead to them. */
const EVENTS = 'webhook_events';

export function createVenueClosingStore(db: Database, audit: AuditStore, kinds: RecordKinds): VenueClosingStore {
  const steps: readonly ErasureStep[] = [
    { table: EVENTS, parent: { table: 'connections', column: '' }, selfReferences: [] },
    ...erasurePlanOf(kinds),
  ];
  return {
    listOpen: (venueId) =>
      withVenue(db, venueId, (tx) =>
        tx
          .select({ venueId: connections.venueId, connectionId: connections.id, provider: connections.provider })
          .from(connections)
          .where(and(eq(connections.venueId, venueId), ne(connections.state, 'disconnected')))
          .orderBy(asc(connections.id)),
      ),

    countUnsent: (venueId) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.execute<{ count: number }>(sql`
          select count(*)::int as count from subscriptions s join deliveries d on d.subscription_id = s.id
          where s.venue_id = ${venueId} and s.state = 'enabled' and d.state = 'pending' and d.attempts = 0`);
        return row?.count ?? 0;
      }),

    eraseSome: (venueId, cursor, limit) =>
      withVenue(db, venueId, async (tx) => {
        const at = cursor === null ? 0 : steps.findIndex(({ table }) => table === cursor.table);
        // A table that this version does not know was erased by another one: all of them are passed once more.
        const step = steps[Math.max(at, 0)];
        if (!step) return { cursor: null, erased: 0 };
        const page = { step, venueId, after: (at < 0 ? null : cursor?.after) ?? null, limit };
        const { after, erased } = await (step.parent ? eraseChildren(tx, page, step.parent) : eraseRows(tx, page));
        const next = after === null ? steps[Math.max(at, 0) + 1]?.table : step.table;
        return { cursor: next === undefined ? null : { table: next, after }, erased };
      }),

    finish: async ({ venueId, requestedBy, ...counts }) => {
      try {
        return await withVenue(db, venueId, async (tx) => {
          const gone = await tx.delete(venues).where(eq(venues.id, venueId)).returning({ id: venues.id });
          if (gone.length > 0)
            await audit.recordIn(tx, {
              venueId,
              actor: requestedBy,
              action: 'venue.closed',
              targetType: 'venue',
              targetId: venueId,
              outcome: 'ok',
              requestId: null,
              details: { ...counts },
            });
          return true;
        });
      } catch (error) {
        if (!codesOf(error).includes(FOREIGN_KEY_VIOLATION)) throw error;
        return false;
      }
    },
  };
}

/** https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25) */
const FOREIGN_KEY_VIOLATION = '23503';

interface ErasurePage {
  readonly step: ErasureStep;
  readonly venueId: VenueId;
  readonly after: string | null;
  readonly limit: number;
}

/** What was erased, and where the table goes on; null when it has no more. */
interface ErasedPage {
  readonly after: string | null;
  readonly erased: number;
}

/** The foreign key of links looks through all links of all venues for each connection, since no index leads to them. */
const CONNECTIONS_AT_ONCE = 5;

async function eraseRows(tx: Transaction, { step, venueId, after, ...page }: ErasurePage): Promise<ErasedPage> {
  const table = sql.identifier(step.table);
  const limit = step.table === 'connections' ? Math.min(page.limit, CONNECTIONS_AT_ONCE) : page.limit;
  const found = await idsOf(tx, step.table, { venueId, after, limit });
  const last = found.at(-1);
  if (last === undefined) return { after: null, erased: 0 };
  const ids = listOf(found);
  for (const column of step.selfReferences)
    await tx.execute(
      sql`update ${table} set ${sql.identifier(column)} = null where venue_id = ${venueId} and ${sql.identifier(column)} in ${ids}`,
    );
  const gone = await tx.execute(
    sql`delete from ${table} where venue_id = ${venueId} and id in ${ids} returning 1 as one`,
  );
  return { after: found.length < limit ? null : last, erased: gone.length };
}

/** Rows under one parent at a time: their index begins with it, and a page ends within it or with it. */
const PARENTS_AT_ONCE = 50;

async function eraseChildren(
  tx: Transaction,
  { step, venueId, after, limit }: ErasurePage,
  parent: NonNullable<ErasureStep['parent']>,
): Promise<ErasedPage> {
  const parents = await idsOf(tx, parent.table, { venueId, after, limit: PARENTS_AT_ONCE });
  const last = parents.at(-1);
  if (last === undefined) return { after: null, erased: 0 };
  const erased =
    step.table === EVENTS ? await eraseEvents(tx, parents, limit) : await eraseUnder(tx, { step, parents, limit });
  // A full page may have left rows under these parents.
  if (erased >= limit) return { after: after ?? NO_ID, erased };
  return { after: parents.length < PARENTS_AT_ONCE ? null : last, erased };
}

/** Below every id. */
const NO_ID = '00000000-0000-0000-0000-000000000000';

async function eraseUnder(
  tx: Transaction,
  { step, parents, limit }: { readonly step: ErasureStep; readonly parents: readonly string[]; readonly limit: number },
): Promise<number> {
  const table = sql.identifier(step.table);
  const gone = await tx.execute(sql`
    delete from ${table} where ctid = any (array(
      select t.ctid from ${table} t where t.${sql.identifier(step.parent?.column ?? '')} in ${listOf(parents)}${INDEXED[step.table] ?? sql``} limit ${limit}))
    returning 1 as one`);
  return gone.length;
}

/** What always holds, and has to be said for the planner to use a partial index. */
const INDEXED: Readonly<Record<string, SQL>> = { record_links: sql` and t.write_attempt >= 0` };

async function eraseEvents(tx: Transaction, ids: readonly string[], limit: number): Promise<number> {
  let erased = 0;
  for (const id of ids) {
    const [row] = await tx.execute<{ erased: number }>(
      sql`select erase_account_events(${id}::uuid, ${limit - erased}::integer) as erased`,
    );
    erased += row?.erased ?? 0;
    if (erased >= limit) break;
  }
  return erased;
}

/** A connection that is not disconnected stays with its credentials: its access has to be revoked first. */
async function idsOf(
  tx: Transaction,
  table: string,
  { venueId, after, limit }: Pick<ErasurePage, 'venueId' | 'after' | 'limit'>,
): Promise<readonly string[]> {
  const rows = await tx.execute<{ id: string }>(sql`
    select id from ${sql.identifier(table)} where venue_id = ${venueId}
      ${table === 'connections' ? sql`and state = 'disconnected'` : sql``}
      ${after === null ? sql`` : sql`and id > ${after}::uuid`}
    order by id limit ${limit}`);
  return rows.map(({ id }) => id);
}

const listOf = (ids: readonly string[]): SQL =>
  sql`(select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid)`;
