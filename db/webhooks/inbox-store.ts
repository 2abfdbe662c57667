import { randomBytes } from 'node:crypto';
import { and, eq, inArray, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { APP_ENDPOINT, OPEN_EVENT_STATES } from '../../contracts/inbox.ts';
import type { WebhookEventState } from '../../contracts/inbox.ts';
import type { ConnectionId, WebhookEventId } from '../../contracts/ids.ts';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import type { Backlog } from '../../domain/inbox/drain-pace.ts';
import { transactionOf } from '../core/many-rows.ts';
import { queryBuilder, runPrepared, selectStatement, statement } from '../core/statement.ts';
import { together } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { withRefusalsIn } from '../pull/rejections.ts';
import type { StoreEach } from '../pull/rejections.ts';
import { webhookEvents } from '../schema/webhooks/webhook-events.ts';
import { webhookInbox } from '../schema/webhooks/webhook-inbox.ts';
import { holding, isMarkedAlone, markAlone, markEvents } from './settled-events.ts';
import type { PartitionLease, SettledEvent } from './settled-events.ts';

/** An event as it was received. */
export interface ReceivedEvent {
  readonly provider: ProviderId;
  /** The address that it was sent to: the one of all accounts, or that of a connection. */
  readonly endpoint: typeof APP_ENDPOINT | ConnectionId;
  /** The same for every delivery of the event. */
  readonly eventKey: string;
  readonly type: string;
  readonly account: { readonly environment: Environment; readonly externalAccountId: string } | null;
  readonly partition: number;
  readonly body: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

/** An event that is to be handled now. */
export interface DueEvent extends Pick<ReceivedEvent, 'provider' | 'type' | 'account'> {
  readonly id: WebhookEventId;
  /**
   * The connection to whose own address it was sent, which is the only one that it may have an effect on: the
   * connection's venue knows the secret, and could have written it itself. Null: any connection to its account.
   */
  readonly connectionId: ConnectionId | null;
  /** The connections for which it is handled again, because they could not be used; null: for any. */
  readonly againFor: readonly ConnectionId[] | null;
  /** How many attempts have failed. */
  readonly attempts: number;
  /** Null once it has expired. */
  readonly body: Uint8Array | null;
}

/** Applies what events say inside the transaction that marks them, and returns what became of them. */
export type Settle = (tx: Transaction, storeEach: StoreEach) => Promise<readonly SettledEvent[]>;

/** The events of a provider in one state. */
export interface UnfinishedEvents {
  readonly provider: ProviderId;
  readonly state: WebhookEventState;
  readonly count: number;
  /** Age of the oldest, in seconds. */
  readonly oldestSeconds: number;
}

/** Another drainer has taken the partition over, so that this one must not mark anything more. */
export class PartitionTakenOverError extends Error {
  override readonly name = 'PartitionTakenOverError';
  constructor() {
    super('another drainer has taken this partition of the inbox over');
  }
}

/** The event was handled otherwise meanwhile, such as by a replay. */
export class EventTakenError extends Error {
  override readonly name = 'EventTakenError';
  constructor() {
    super('the event was handled otherwise meanwhile');
  }
}

/**
 * The events of all providers, and who drains them. Crosses venues: never return what it reads to a caller. Its database
 * keeps plans (`keepsPlans`): each batch is small, and is planned as long as it is carried out otherwise.
 */
export interface InboxStore {
  /**
   * Stores events in one statement, all or none. When it resolves, they are committed. Answers for each whether it is
   * new: one that was there already, or comes twice among them, changes nothing.
   */
  keep(events: readonly ReceivedEvent[]): Promise<readonly boolean[]>;
  /** Marks idle partitions as awake. Returns those that were idle, so that the caller has to wake their drainers. */
  markAwake(partitions: readonly number[]): Promise<readonly number[]>;
  /** Takes back `markAwake` after the drainer could not be woken, so that the next event tries again. */
  markIdle(partition: number): Promise<void>;

  /** Begins to drain: the partition is awake, and every earlier lease of it has ended. */
  takeOver(partition: number): Promise<PartitionLease>;
  /** Events that are due, oldest first. */
  listDue(partition: number, limit: number): Promise<readonly DueEvent[]>;
  /** Null when no event is due. */
  readBacklog(partition: number): Promise<Backlog | null>;
  /** Marks events together with their effects, in one transaction. Throws PartitionTakenOverError. */
  settle(lease: PartitionLease, work: Settle): Promise<void>;
  /** As `settle`, for events that are over without anything else to do. */
  mark(lease: PartitionLease, events: readonly SettledEvent[]): Promise<void>;
  /** As `settle`, for one event that failed. Throws EventTakenError when it was handled otherwise since it was found. */
  settleFailing(event: Pick<DueEvent, 'id' | 'attempts'>, work: Settle): Promise<void>;
  /** An event that failed or is dead; null when it is in another state, or gone. */
  findFailing(id: WebhookEventId): Promise<DueEvent | null>;
  /** Failing events whose next attempt is overdue by this time: nobody processes them. */
  listUnprocessed(overdueMs: number, limit: number): Promise<readonly DueEvent[]>;
  /**
   * Marks the partition as idle. Look for due events once more afterwards: one that was committed before found the
   * partition awake and has woken nobody. Throws PartitionTakenOverError.
   */
  fallAsleep(lease: PartitionLease): Promise<void>;
  /** Milliseconds until the next failed event is due; null when there is none. */
  nextDueInMs(partition: number): Promise<number | null>;

  /** How many events are in each state that is not over, and the age of the oldest, for metrics. */
  countUnfinished(): Promise<readonly UnfinishedEvents[]>;
  /**
   * Has up to `limit` events of these providers handled that came before their adapter took any, oldest first. Returns
   * the partitions in which they wait now.
   */
  releaseWaiting(providers: readonly ProviderId[], limit: number): Promise<readonly number[]>;
  /**
   * Has events handled again that connections missed and that can be used again: of up to `connections` of them the oldest
   * `events`. Returns the partitions in which they wait now.
   */
  repeatMissed(limits: { readonly connections: number; readonly events: number }): Promise<readonly number[]>;
  /** Partitions with events that have been due for longer than this. */
  listOverdue(overdueMs: number): Promise<readonly number[]>;
}

/** Written into the statement: a kept plan, which holds for every value of a parameter, could not use the partial index. */
const isOneOf = (...states: readonly WebhookEventState[]) =>
  sql`${webhookEvents.state} in (${sql.raw(states.map((state) => `'${state}'`).join(', '))})`;
const isOpen = isOneOf(...OPEN_EVENT_STATES);
const isFailing = inArray(webhookEvents.state, ['retrying', 'dead']);
const isOf = ({ partition, fence }: PartitionLease) =>
  and(eq(webhookInbox.partition, partition), eq(webhookInbox.fence, fence));

export function createInboxStore(db: Database): InboxStore {
  return {
    keep: (events) => keepEvents(db, events),

    async markAwake(partitions) {
      const rows = await runPrepared(db.$client, MARK_AWAKE, { partitions: `{${partitions.join(',')}}` });
      return rows.map(({ partition }) => partition);
    },

    async markIdle(partition) {
      await db.update(webhookInbox).set({ awake: false }).where(eq(webhookInbox.partition, partition));
    },

    async takeOver(partition) {
      const [row] = await db
        .update(webhookInbox)
        .set({ awake: true, fence: sql`${webhookInbox.fence} + 1` })
        .where(eq(webhookInbox.partition, partition))
        .returning({ fence: webhookInbox.fence });
      if (!row) throw new Error(`the inbox has no partition ${partition}`);
      return { partition, fence: row.fence };
    },

    listDue: (partition, limit) => listDue(db, partition, limit),

    async readBacklog(partition) {
      const [row] = await runPrepared(db.$client, READ_BACKLOG, { partition });
      return row?.oldest == null || row.newest === null ? null : { oldestMs: row.oldest, newestMs: row.newest };
    },

    settle: (lease, work) => settle(db, lease, work),

    async mark(lease, events) {
      if (!events.every(isMarkedAlone)) await settle(db, lease, () => Promise.resolve(events));
      else if (!(await markAlone(db, lease, events))) throw new PartitionTakenOverError();
    },

    settleFailing: ({ id, attempts }, work) =>
      withRefusalsIn(
        (inside) => transactionOf(db, inside),
        async (tx, storeEach) => {
          const [held] = await tx
            .select({ id: webhookEvents.id })
            .from(webhookEvents)
            .where(and(eq(webhookEvents.id, id), eq(webhookEvents.attempts, attempts), isFailing))
            .for('update');
          if (!held) throw new EventTakenError();
          await markEvents(tx, await work(tx, storeEach));
        },
      ),

    findFailing: async (id) => (await readEvents(db, and(eq(webhookEvents.id, id), isFailing), 1))[0] ?? null,

    listUnprocessed: (overdueMs, limit) =>
      readEvents(
        db,
        and(
          isOneOf('retrying'),
          sql`${webhookEvents.dueAt} < now() - ${overdueMs}::integer * interval '1 millisecond'`,
        ),
        limit,
      ),

    async fallAsleep(lease) {
      const rows = await db
        .update(webhookInbox)
        .set({ awake: false })
        .where(isOf(lease))
        .returning({ partition: webhookInbox.partition });
      if (rows.length === 0) throw new PartitionTakenOverError();
    },

    async nextDueInMs(partition) {
      const [row] = await db
        .select({
          ms: sql<number | null>`ceil(extract(epoch from min(${webhookEvents.dueAt}) - now()) * 1000)::integer`,
        })
        .from(webhookEvents)
        .where(and(eq(webhookEvents.partition, partition), isOpen));
      return row?.ms == null ? null : Math.max(row.ms, 0);
    },

    async countUnfinished() {
      // The conditions are those of the partial indexes.
      const rows = await db.execute<{
        provider: ProviderId;
        state: WebhookEventState;
        count: number;
        oldest: number;
      }>(sql`
        select provider, state, count(*)::integer as count, extract(epoch from now() - min(received_at))::float8 as oldest
        from (
          select provider, state, received_at from webhook_events where state in ('waiting', 'retrying')
          union all select provider, state, received_at from webhook_events where state in ('dead', 'waiting-for-adapter')) unfinished
        group by provider, state`);
      return rows.map(({ oldest, ...row }) => ({ ...row, oldestSeconds: oldest }));
    },

    async releaseWaiting(providers, limit) {
      // The condition on the states is that of the partial index.
      const rows = await db.execute<{ partition: number }>(sql`
        update webhook_events set state = 'waiting', attempts = 0, due_at = default, error_code = null
        where id in (
          select id from webhook_events where state in ('dead', 'waiting-for-adapter') and state = 'waiting-for-adapter'
            and provider in (select jsonb_array_elements_text(${JSON.stringify(providers)}::jsonb))
          order by received_at limit ${limit} for update skip locked)
        returning partition`);
      return [...new Set(rows.map(({ partition }) => partition))].sort((one, other) => one - other);
    },

    async repeatMissed({ connections, events }) {
      // Without a venue scope: only the database function sees all venues.
      const rows = await db.execute<{ partition: number }>(
        sql`select partition from repeat_missed_events(${connections}::integer, ${events}::integer)`,
      );
      return rows.map(({ partition }) => partition);
    },

    async listOverdue(overdueMs) {
      const rows = await db.execute<{ partition: number }>(sql`
        select partition from webhook_inbox inbox
        where exists (select from webhook_events event
          where event.partition = inbox.partition and event.state = 'waiting'
            and event.due_at < now() - ${overdueMs}::integer * interval '1 millisecond')
        order by partition`);
      return rows.map(({ partition }) => partition);
    },
  };
}

const settle = (db: Database, lease: PartitionLease, work: Settle): Promise<void> =>
  withRefusalsIn(
    (inside) => transactionOf(db, inside),
    async (tx, storeEach) => {
      // Nothing that the work does is seen before it is known whether the lock is held, so it is not waited for.
      const [, settled] = await together(holdPartition(tx, lease), work(tx, storeEach));
      await markEvents(tx, settled);
    },
  );

/** Throws PartitionTakenOverError. */
async function holdPartition(tx: Transaction, lease: PartitionLease): Promise<void> {
  const [held] = await tx.execute(holding(lease)).execute();
  if (!held) throw new PartitionTakenOverError();
}

const { placeholder } = sql;

/** Locks the rows in the order of their key, so that two processes that mark the same partitions cannot deadlock. */
const MARK_AWAKE = statement<{ partition: number }>(sql`
  update webhook_inbox set awake = true
  where partition in (select partition from webhook_inbox
    where partition = any (${placeholder('partitions')}::text::smallint[]) and not awake order by partition for update)
  returning partition`);

/**
 * Arrays, and not a row of parameters for each event: the statement stays the same for any number of events, so that
 * Postgres parses it once per connection.
 */
const KEEP = statement<{ id: WebhookEventId }>(sql`
  insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, body, headers)
  select * from unnest(
    ${placeholder('ids')}::text::uuid[], ${placeholder('providers')}::text::text[],
    ${placeholder('endpoints')}::text::text[], ${placeholder('keys')}::text::text[],
    ${placeholder('types')}::text::text[], ${placeholder('environments')}::text::text[],
    ${placeholder('accounts')}::text::text[], ${placeholder('partitions')}::text::smallint[],
    ${placeholder('bodies')}::text::bytea[], ${placeholder('headers')}::text::jsonb[])
  on conflict (provider, endpoint, event_key) do nothing returning id`);

async function keepEvents(db: Database, events: readonly ReceivedEvent[]): Promise<readonly boolean[]> {
  if (events.length === 0) return [];
  const ids = newIds(events.length);
  const rows = events.map((event, index) => ({ ...event, id: ids[index] as WebhookEventId, sortKey: keyOf(event) }));
  // In the order of the key: two statements that insert the same events in different orders would wait for each other.
  const ordered = rows.toSorted((a, b) => compare(a.sortKey, b.sortKey));
  const column = (valueOf: (row: (typeof rows)[number]) => string | null) => arrayText(ordered.map(valueOf));
  const kept = await runPrepared(db.$client, KEEP, {
    ids: column(({ id }) => id),
    providers: column(({ provider }) => provider),
    endpoints: column(({ endpoint }) => endpoint),
    keys: column(({ eventKey }) => eventKey),
    types: column(({ type }) => type),
    environments: column(({ account }) => account?.environment ?? null),
    accounts: column(({ account }) => account?.externalAccountId ?? null),
    partitions: column(({ partition }) => String(partition)),
    bodies: bytesArrayText(ordered.map(({ body }) => body)),
    headers: column(({ headers }) => JSON.stringify(headers)),
  });
  const isNew = new Set(kept.map(({ id }) => id));
  return rows.map(({ id }) => isNew.has(id));
}

const ID_BYTES = 16;
const MAX_SEQUENCE = 0x7fff_ffff;

/** Ids in ascending order. Their random bytes are asked for at once, which costs as much as for a single one. */
function newIds(count: number): readonly string[] {
  const random = randomBytes(ID_BYTES * count);
  const msecs = Date.now();
  const first = random.readUInt32BE(0) % (MAX_SEQUENCE - count);
  return Array.from({ length: count }, (_, index) =>
    uuidv7({ msecs, seq: first + index, random: random.subarray(ID_BYTES * index, ID_BYTES * (index + 1)) }),
  );
}

const keyOf = ({ provider, endpoint, eventKey }: ReceivedEvent): string => `${provider}\n${endpoint}\n${eventKey}`;
const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** The text form of an array: https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO (read 2026-11-28). */
const arrayText = (values: readonly (string | null)[]): string =>
  `{${values.map((value) => (value === null ? 'null' : `"${value.replace(/["\\]/g, '\\$&')}"`)).join(',')}}`;

/** The same of bytes, whose hexadecimal form needs no search for characters to escape. */
const bytesArrayText = (values: readonly Uint8Array[]): string =>
  `{${values.map((bytes) => `"\\\\x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}"`).join(',')}}`;

/** What is read of an event, the earliest due first. */
const { id, provider, endpoint, type, environment, externalAccountId, againFor, attempts, dueAt, body } = webhookEvents;
const COLUMNS = { id, provider, endpoint, type, environment, externalAccountId, againFor, attempts, body };

const LIST_DUE = selectStatement(
  queryBuilder
    .select(COLUMNS)
    .from(webhookEvents)
    .where(and(sql`${webhookEvents.partition} = ${placeholder('partition')}::smallint`, isOpen, sql`${dueAt} <= now()`))
    .orderBy(dueAt, id)
    .limit(placeholder('limit')),
);

/** Both ends of the index by which due events are found. */
const READ_BACKLOG = statement<{ readonly oldest: number | null; readonly newest: number | null }>(sql`
  select extract(epoch from now() - min(${dueAt}))::float8 * 1000 as oldest,
    extract(epoch from now() - max(${dueAt}))::float8 * 1000 as newest
  from ${webhookEvents}
  where ${webhookEvents.partition} = ${placeholder('partition')}::smallint and ${isOpen} and ${dueAt} <= now()`);

const listDue = async (db: Database, partition: number, limit: number): Promise<readonly DueEvent[]> =>
  (await runPrepared(db.$client, LIST_DUE, { partition, limit })).map(toDueEvent);

const readEvents = async (db: Database, condition: SQL | undefined, limit: number): Promise<readonly DueEvent[]> =>
  (await db.select(COLUMNS).from(webhookEvents).where(condition).orderBy(dueAt, id).limit(limit)).map(toDueEvent);

interface EventRow extends Omit<DueEvent, 'connectionId' | 'account'> {
  readonly endpoint: string;
  readonly environment: Environment | null;
  readonly externalAccountId: string | null;
}

const toDueEvent = ({
  endpoint: address,
  environment: where,
  externalAccountId: whose,
  ...event
}: EventRow): DueEvent => ({
  ...event,
  connectionId: address === APP_ENDPOINT ? null : (address as ConnectionId),
  account: where !== null && whose !== null ? { environment: where, externalAccountId: whose } : null,
});
