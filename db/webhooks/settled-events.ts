import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { WebhookEffectKind, WebhookEventState } from '../../contracts/inbox.ts';
import type { ConnectionId, VenueId, WebhookEventId } from '../../contracts/ids.ts';
import { ASYNCHRONOUS_COMMIT } from '../core/asynchronous-commit.ts';
import { runPrepared, statement } from '../core/statement.ts';
import { moveToVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { announceDeadLetters } from '../outgoing/announcements.ts';

/** What became of an event. */
export interface SettledEvent {
  readonly id: WebhookEventId;
  /** `waiting`: it could not be handled yet, which is no failed attempt. */
  readonly state: WebhookEventState;
  readonly errorCode: string | null;
  /** When `retrying` or `waiting`: the pause before the next attempt. */
  readonly dueInMs: number | null;
  /** Effects that are the same for these connections of any venue. */
  readonly effect: { readonly kind: WebhookEffectKind; readonly connections: readonly ConnectionId[] } | null;
}

/**
 * Marks events with what became of them, and settles the dead letters of those that are over. May leave the transaction in
 * the scope of a venue.
 */
export async function markEvents(tx: Transaction, events: readonly SettledEvent[]): Promise<void> {
  await tx.execute(sql`with ${marking(sql`${rowsOf(events)}`)} ${RESOLVING}`);
  for (const { id, effect } of events)
    if (effect && effect.connections.length > 0)
      await tx.execute(
        sql`select record_webhook_effects(${id}::uuid, ${effect.kind}, ${`{${effect.connections.join(',')}}`}::text::uuid[])`,
      );
  await listDead(tx, events);
}

const rowsOf = (events: readonly SettledEvent[]): string =>
  JSON.stringify(
    events.map(({ id, state, errorCode, dueInMs }) => ({ id, state, error_code: errorCode, due_in_ms: dueInMs ?? 0 })),
  );

/** Marks the events of `rows`. With `held`: as often as it has a row. */
const marking = (rows: SQL, held = sql``): SQL => sql`
  marked as (
    update webhook_events event
    set state = settled.state, error_code = settled.error_code,
      attempts = event.attempts + case when settled.state = 'waiting' then 0 else 1 end,
      due_at = now() + settled.due_in_ms * interval '1 millisecond',
      again_for = case when settled.state in ('waiting', 'retrying') then event.again_for end
    from ${held} jsonb_to_recordset(${rows}::jsonb) as settled(id uuid, state text, error_code text, due_in_ms integer)
    where event.id = settled.id
    returning event.id, event.state)`;

/** Dead letters of events that are over are settled by the same statement: a round trip costs as much as the events do. */
const RESOLVING = sql`
  select resolve_event_dead_letters(jsonb_agg(id)) from marked
  where state not in ('dead', 'retrying', 'waiting') having count(*) > 0`;

/** The right to drain a partition. It ends when another drainer takes the partition over. */
export interface PartitionLease {
  readonly partition: number;
  readonly fence: number;
}

const { placeholder } = sql;

/**
 * Selects the partition of a lease that is still held, and has its transaction end without waiting for the disk. The
 * lock makes another drainer wait until the transaction has ended. Effects and marks of a batch may be forgotten
 * together: the events are on disk, and are handled again. Nobody outside is told of them before, because a delivery is
 * claimed by a commit that waits.
 */
export const holding = ({ partition, fence }: Readonly<Record<keyof PartitionLease, unknown>>): SQL => sql`
  select ${ASYNCHRONOUS_COMMIT} as held from webhook_inbox
  where partition = ${partition}::smallint and fence = ${fence}::bigint for share`;

const MARK_ALONE = statement<{ readonly held: number; readonly resolved: number }>(sql`
  with held as materialized (${holding({ partition: placeholder('partition'), fence: placeholder('fence') })}),
    ${marking(sql`${placeholder('rows')}::text`, sql`held,`)},
    resolved as materialized (${RESOLVING})
  select (select count(*) from held)::integer as held, (select count(*) from resolved)::integer as resolved`);

/** An event that is marked and nothing else: it has no effect, and no venue is told of it. */
export const isMarkedAlone = ({ state, effect }: SettledEvent): boolean => effect === null && state !== 'dead';

/**
 * As `markEvents`, for events that are marked and nothing else, in a transaction of its own: in one round trip in place of
 * four. False: the lease has ended, and nothing was marked.
 */
export async function markAlone(
  db: Database,
  lease: PartitionLease,
  events: readonly SettledEvent[],
): Promise<boolean> {
  const [row] = await runPrepared(db.$client, MARK_ALONE, { ...lease, rows: rowsOf(events) });
  return row?.held === 1;
}

/**
 * Lists dead events as dead letters of every venue that has connected their account, and tells the venues' subscribers.
 * Leaves the transaction in the scope of one of these venues.
 */
async function listDead(tx: Transaction, events: readonly SettledEvent[]): Promise<void> {
  const dead = events.filter(({ state }) => state === 'dead');
  if (dead.length === 0) return;
  const rows = dead.map(({ id, errorCode }) => ({ id, code: errorCode ?? 'internal', message: EVENT_IS_DEAD }));
  const venues = await tx.execute<{ venue_id: VenueId; added: number }>(
    sql`select venue_id, added from record_event_dead_letters(${JSON.stringify(rows)}::jsonb)`,
  );
  // In the order of the venues, so that two transactions that add to the digests of the same ones cannot deadlock.
  for (const { venue_id: venueId, added } of venues) {
    await moveToVenue(tx, venueId);
    await announceDeadLetters(tx, { venueId, source: 'event', added });
  }
}

const EVENT_IS_DEAD = 'The event could not be applied, and is not tried again by itself.';
