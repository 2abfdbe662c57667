import { and, count, desc, eq, gte, inArray, isNotNull, lt, max, min, ne, or, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { UNSETTLED_DEAD_LETTER_STATES } from '../../contracts/dead-letters.ts';
import type { DeadLetterSource, DeadLetterState } from '../../contracts/dead-letters.ts';
import type { ConnectionId, DeadLetterId, VenueId } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { isUsable, USABLE_STATES } from '../../domain/grants/usable-connection.ts';
import type { Connection } from '../connections/connection-store.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { resendListed } from '../outgoing/delivery-list-store.ts';
import { connections } from '../schema/connections/connections.ts';
import { deadLetters } from '../schema/dead-letters.ts';

export type DeadLetter = typeof deadLetters.$inferSelect;

export interface DeadLetterFilter {
  readonly source?: DeadLetterSource | undefined;
  readonly provider?: ProviderId | undefined;
  readonly connectionId?: ConnectionId | undefined;
  readonly resource?: Resource | undefined;
  /** The code of the last failure. */
  readonly cause?: string | undefined;
  readonly state?: DeadLetterState | undefined;
  /** Of the last failure, inclusive. */
  readonly failedFrom?: Date | undefined;
  /** Of the last failure, exclusive. */
  readonly failedTo?: Date | undefined;
}

/** Unsettled entries that failed for the same cause. */
export interface DeadLetterGroup {
  readonly source: DeadLetterSource;
  readonly cause: string;
  readonly provider: ProviderId | null;
  readonly resource: Resource | null;
  readonly count: number;
  readonly oldestAt: Date;
  readonly newestAt: Date;
}

export interface DeadLetterGroups {
  /** The largest groups. */
  readonly groups: readonly DeadLetterGroup[];
  /** Unsettled entries of all groups. */
  readonly depth: number;
  readonly oldestAt: Date | null;
}

/**
 * Why an entry stays as it is. `settled`: it is resolved or discarded already. `unnamed`: nothing tells what to retry.
 * `unsendable`: the delivery has expired or was accepted, or its subscription is not enabled. `expired`: the body of the
 * event is gone.
 */
export type Unchanged = 'settled' | 'unnamed' | 'unsendable' | 'expired' | UnusableConnection;

/** The entry's connection, on which no run begins in its state. */
export interface UnusableConnection {
  readonly connection: Pick<Connection, 'state' | 'nextAction'>;
}

export interface DeadLetterStore {
  /** Newest first. */
  list(
    venueId: VenueId,
    query: { readonly filter: DeadLetterFilter; readonly page: PageRequest },
  ): Promise<Page<DeadLetter>>;
  groups(venueId: VenueId, filter: Omit<DeadLetterFilter, 'state'>): Promise<DeadLetterGroups>;
  find(venueId: VenueId, id: DeadLetterId): Promise<DeadLetter | null>;
  /** Null when there is no such entry. */
  discard(
    ref: { readonly venueId: VenueId; readonly id: DeadLetterId },
    decision: { readonly by: string; readonly reason: string },
    auditOf: AuditOf<DeadLetter>,
  ): Promise<DeadLetter | Unchanged | null>;
  /** Marks an entry that is not resolved to be retried; a delivery is sent again with it. Null when there is no such entry. */
  markRetry(venueId: VenueId, id: DeadLetterId, auditOf: AuditOf<DeadLetter>): Promise<DeadLetter | Unchanged | null>;
  /** As `markRetry` for open entries whose connection can be used, at most `MAX_RETRIES_AT_ONCE`. Returns how many. */
  markRetries(venueId: VenueId, filter: DeadLetterFilter, auditOf: AuditOf<number>): Promise<number>;
  /** The body of an event that the venue may see; null when it has expired. */
  eventBody(venueId: VenueId, letter: Pick<DeadLetter, 'sourceKey'>): Promise<Uint8Array | null>;
}

/** Entries that one request may retry. */
const MAX_RETRIES_AT_ONCE = 10_000;
const MAX_GROUPS = 200;

/** An event without its body would fail again. One that is gone as a whole leaves nothing to retry, which settles its entry. */
const hasBody = sql`case when ${deadLetters.source} = 'event' then not exists (
  select from webhook_events e where e.id = ${deadLetters.sourceKey}::uuid and e.body is null) else false end`;
/** A record without any id cannot be looked up: a later sync may store it. */
const isNamed = or(
  hasBody,
  and(eq(deadLetters.source, 'record'), or(isNotNull(deadLetters.recordId), isNotNull(deadLetters.externalId))),
);
/** A delivery that would be sent: it has not expired, and its subscription is enabled. Only a delivery's key has this form. */
const isSendable = sql`case when ${deadLetters.source} = 'delivery' then exists (
  select from deliveries d join subscriptions s on s.id = d.subscription_id
  where s.state = 'enabled' and d.state <> 'delivered'
    and d.subscription_id = split_part(${deadLetters.sourceKey}, '/', 1)::uuid
    and d.message_id = split_part(${deadLetters.sourceKey}, '/', 2)::uuid) else false end`;
/** Whether a run of the record's sync can begin. */
const isReachable = sql`case when ${deadLetters.source} = 'record' then exists (
  select from connections c where c.id = ${deadLetters.connectionId} and c.state in ${USABLE_STATES}) else true end`;
const REFUSED: Readonly<Record<DeadLetterSource, Unchanged>> = {
  record: 'unnamed',
  event: 'expired',
  delivery: 'unsendable',
};
const AGAIN = {
  state: 'retrying',
  retriedAt: sql`now()`,
  ...{ closedAt: null, discardedBy: null, discardReason: null },
} as const;

export function createDeadLetterStore(db: Database): DeadLetterStore {
  return {
    list: (venueId, { filter, page: { limit, after } }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(deadLetters)
          .where(and(matches(venueId, filter), after === null ? undefined : lt(deadLetters.id, after as DeadLetterId)))
          .orderBy(desc(deadLetters.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    groups: (venueId, filter) => withVenue(db, venueId, (tx) => readGroups(tx, venueId, filter)),

    find: (venueId, id) => withVenue(db, venueId, (tx) => findIn(tx, id)),

    discard: ({ venueId, id }, { by, reason }, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        const found = await lockIn(tx, id);
        if (!found || isSettled(found)) return found && 'settled';
        const [row] = await tx
          .update(deadLetters)
          .set({ state: 'discarded', closedAt: sql`now()`, discardedBy: by, discardReason: reason })
          .where(eq(deadLetters.id, id))
          .returning();
        return recordWith(tx, row ?? found, auditOf);
      }),

    markRetry: (venueId, id, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        const isRetryable = await resendAmong(tx, and(eq(deadLetters.id, id), ne(deadLetters.state, 'resolved')));
        const found = await lockIn(tx, id);
        if (!found || found.state === 'resolved') return found && 'settled';
        const connection = await unusableConnection(tx, found);
        if (connection) return { connection };
        const [row] = await tx
          .update(deadLetters)
          .set(AGAIN)
          .where(and(eq(deadLetters.id, id), isRetryable))
          .returning();
        if (row) return recordWith(tx, row, auditOf);
        return REFUSED[found.source];
      }),

    markRetries: (venueId, filter, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        const isOpen = matches(venueId, { ...filter, state: 'open' });
        const isRetryable = await resendAmong(tx, isOpen);
        const chosen = tx
          .select({ id: deadLetters.id })
          .from(deadLetters)
          .where(and(isOpen, isRetryable, isReachable))
          .orderBy(deadLetters.source, deadLetters.sourceKey)
          .limit(MAX_RETRIES_AT_ONCE)
          .for('update');
        const rows = await tx
          .update(deadLetters)
          .set(AGAIN)
          .where(inArray(deadLetters.id, chosen))
          .returning({ id: deadLetters.id });
        return recordWith(tx, rows.length, rows.length === 0 ? undefined : auditOf);
      }),

    eventBody: (venueId, { sourceKey }) =>
      withVenue(db, venueId, async (tx) => {
        // The entry is the venue's only because the venue may see the event.
        const [row] = await tx.execute<{ body: Uint8Array | null }>(
          sql`select body from webhook_events where id = ${sourceKey}::uuid`,
        );
        return row?.body ?? null;
      }),
  };
}

/**
 * Has the deliveries among the chosen entries sent again, and returns the condition of entries that may be marked:
 * those, and records and events, which a workflow retries. Call it before the entries are locked, because the sender of
 * deliveries locks these first, too.
 */
async function resendAmong(tx: Transaction, isChosen: SQL | undefined): Promise<SQL | undefined> {
  const { source, sourceKey } = deadLetters;
  const listed = await tx
    .select({ sourceKey })
    .from(deadLetters)
    .where(and(isChosen, isSendable))
    .orderBy(sourceKey)
    .limit(MAX_RETRIES_AT_ONCE);
  const resent = await resendListed(
    tx,
    listed.map((entry) => entry.sourceKey),
  );
  const isResent = sql`${sourceKey} in (select jsonb_array_elements_text(${JSON.stringify(resent)}::jsonb))`;
  return or(isNamed, and(eq(source, 'delivery'), isResent));
}

/** The connection of a record's entry in a state in which no run begins; null where one does. */
async function unusableConnection(
  tx: Transaction,
  { source, connectionId }: DeadLetter,
): Promise<UnusableConnection['connection'] | null> {
  if (source !== 'record' || connectionId === null) return null;
  const [row] = await tx
    .select({ state: connections.state, nextAction: connections.nextAction })
    .from(connections)
    .where(eq(connections.id, connectionId));
  return row && !isUsable(row) ? row : null;
}

const isSettled = ({ state }: DeadLetter) => state === 'resolved' || state === 'discarded';

async function findIn(tx: Transaction, id: DeadLetterId): Promise<DeadLetter | null> {
  const [row] = await tx.select().from(deadLetters).where(eq(deadLetters.id, id));
  return row ?? null;
}

async function lockIn(tx: Transaction, id: DeadLetterId): Promise<DeadLetter | null> {
  const [row] = await tx.select().from(deadLetters).where(eq(deadLetters.id, id)).for('update');
  return row ?? null;
}

/** Repeats row-level security's condition because the indexes start with the venue. */
function matches(venueId: VenueId, filter: DeadLetterFilter): SQL | undefined {
  const { source, provider, connectionId, resource, cause, state, failedFrom, failedTo } = filter;
  return and(
    eq(deadLetters.venueId, venueId),
    source === undefined ? undefined : eq(deadLetters.source, source),
    provider === undefined ? undefined : eq(deadLetters.provider, provider),
    connectionId === undefined ? undefined : eq(deadLetters.connectionId, connectionId),
    resource === undefined ? undefined : eq(deadLetters.resource, resource),
    cause === undefined ? undefined : eq(deadLetters.code, cause),
    state === undefined ? undefined : eq(deadLetters.state, state),
    failedFrom === undefined ? undefined : gte(deadLetters.lastFailedAt, failedFrom),
    failedTo === undefined ? undefined : lt(deadLetters.lastFailedAt, failedTo),
  );
}

async function readGroups(
  tx: Transaction,
  venueId: VenueId,
  filter: Omit<DeadLetterFilter, 'state'>,
): Promise<DeadLetterGroups> {
  const unsettled = and(matches(venueId, filter), inArray(deadLetters.state, [...UNSETTLED_DEAD_LETTER_STATES]));
  const { source, code: cause, provider, resource, firstFailedAt, lastFailedAt } = deadLetters;
  const groups = await tx
    .select({
      ...{ source, cause, provider, resource, count: count() },
      ...{ oldestAt: min(firstFailedAt), newestAt: max(lastFailedAt) },
    })
    .from(deadLetters)
    .where(unsettled)
    .groupBy(source, cause, provider, resource)
    .orderBy(desc(count()), source, cause, provider, resource)
    .limit(MAX_GROUPS);
  const [all] = await tx
    .select({ depth: count(), oldestAt: min(firstFailedAt) })
    .from(deadLetters)
    .where(unsettled);
  return {
    groups: groups.map(({ oldestAt, newestAt, ...group }) => ({
      ...group,
      oldestAt: oldestAt ?? new Date(0),
      newestAt: newestAt ?? new Date(0),
    })),
    depth: all?.depth ?? 0,
    oldestAt: all?.oldestAt ?? null,
  };
}
