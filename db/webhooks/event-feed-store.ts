import { isDeepStrictEqual } from 'node:util';
import { eq, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { APP_ENDPOINT } from '../../contracts/inbox.ts';
import type { RepairGapsInput } from '../../contracts/inbox.ts';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { nextComparison, undeliveredAfter } from '../../domain/inbox/event-comparison.ts';
import type { OpenComparison } from '../../domain/inbox/event-comparison.ts';
import type { Cursor } from '../../domain/sync/pull/pull-plan.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { eventFeeds } from '../schema/webhooks/event-feeds.ts';
import type { AccountRef } from '../connections/account-connections.ts';

/** An event as its provider lists it. */
export interface ListedEvent {
  readonly eventKey: string;
  readonly type: string;
  readonly body: string;
}

export interface ComparedPage {
  readonly account: AccountRef;
  readonly partition: number;
  readonly events: readonly ListedEvent[];
  /** Where the list goes on; null when it has ended. */
  readonly after: Cursor | null;
}

/** Another attempt goes on with this comparison, so that this one must not store anything more. */
class ComparisonTakenOverError extends Error {
  override readonly name = 'ComparisonTakenOverError';
  constructor() {
    super('another attempt goes on with this comparison of events');
  }
}

/** How far the events of connections were compared with what their providers list. */
export interface EventFeedStore {
  /** Connections of all venues whose last comparison ended longer ago than this, longest first. Never for a caller's eyes. */
  listDue(
    providers: readonly ProviderId[],
    query: { readonly pauseMs: number; readonly limit: number },
  ): Promise<readonly RepairGapsInput[]>;
  /** The comparison under way, or else the next, which is under way from then on. Null: the connection is gone. */
  begin(
    ref: ConnectionRef,
    bounds: { readonly nowMs: number; readonly reachMs: number },
  ): Promise<OpenComparison | null>;
  /**
   * Stores the events of a page that have never arrived, together with how far the comparison has come. Returns how many
   * there were. Throws ComparisonTakenOverError.
   */
  commitPage(ref: ConnectionRef, open: OpenComparison, page: ComparedPage): Promise<Compared>;
  /** Lets the comparison begin again: its place in the provider's list is no longer known. Throws as `commitPage`. */
  restart(ref: ConnectionRef, open: OpenComparison): Promise<OpenComparison>;
}

export interface Compared {
  readonly missed: number;
  /** The comparison after the page; null when it has ended. */
  readonly open: OpenComparison | null;
}

export function createEventFeedStore(db: Database): EventFeedStore {
  return {
    listDue: (providers, { pauseMs, limit }) =>
      // Without a venue scope: only the database function sees all venues.
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<{ venue_id: VenueId; connection_id: ConnectionId; provider: ProviderId }>(sql`
          select * from due_event_feeds(
            (select array_agg(name) from jsonb_array_elements_text(${JSON.stringify(providers)}::jsonb) name),
            ${Math.round(pauseMs / 1_000)}::integer, ${limit}::integer)`);
        return rows.map(({ venue_id: venueId, connection_id: connectionId, provider }) => ({
          ...{ venueId, connectionId, provider },
        }));
      }),

    begin: ({ venueId, connectionId }, { nowMs, reachMs }) =>
      withVenue(db, venueId, async (tx) => {
        const [connection] = await tx
          .select({ createdAt: connections.createdAt })
          .from(connections)
          .where(eq(connections.id, connectionId));
        if (!connection) return null;
        await tx.insert(eventFeeds).values({ connectionId, venueId }).onConflictDoNothing();
        const feed = await lock(tx, connectionId);
        if (feed.open) return feed.open;
        const connectedMs = connection.createdAt.getTime();
        const open = nextComparison({
          ...{ nowMs, reachMs, connectedMs },
          comparedToMs: feed.comparedTo?.getTime() ?? null,
        });
        await tx.update(eventFeeds).set({ open }).where(eq(eventFeeds.connectionId, connectionId));
        return open;
      }),

    commitPage: (ref, open, page) =>
      withVenue(db, ref.venueId, async (tx) => {
        const { undelivered } = await take(tx, ref, open);
        const missed = await addMissing(tx, ref, page);
        const delivered = (await countDelivered(tx, ref, page)) + open.delivered;
        const next = { ...open, after: page.after, delivered, missed: open.missed + missed };
        const isOver = page.after === null;
        await tx
          .update(eventFeeds)
          .set(
            isOver
              ? {
                  open: null,
                  comparedTo: new Date(open.toEpochS * 1_000),
                  comparedAt: sql`now()`,
                  undelivered: undeliveredAfter(undelivered, next),
                }
              : { open: next },
          )
          .where(eq(eventFeeds.connectionId, ref.connectionId));
        return { missed, open: isOver ? null : next };
      }),

    restart: (ref, open) =>
      withVenue(db, ref.venueId, async (tx) => {
        await take(tx, ref, open);
        const next = { ...open, after: null };
        await tx.update(eventFeeds).set({ open: next }).where(eq(eventFeeds.connectionId, ref.connectionId));
        return next;
      }),
  };
}

async function lock(tx: Transaction, connectionId: ConnectionId) {
  const [feed] = await tx.select().from(eventFeeds).where(eq(eventFeeds.connectionId, connectionId)).for('update');
  // Its connection is gone, or another attempt has never begun.
  if (!feed) throw new ComparisonTakenOverError();
  return feed;
}

/** The lock makes another attempt wait until this transaction has ended. */
async function take(tx: Transaction, { connectionId }: ConnectionRef, expected: OpenComparison) {
  const feed = await lock(tx, connectionId);
  if (!isDeepStrictEqual(feed.open, expected)) throw new ComparisonTakenOverError();
  return feed;
}

/** The addresses at which an event of the connection may have arrived. */
const endpointsOf = ({ connectionId }: ConnectionRef) => sql`(${APP_ENDPOINT}, ${connectionId}::text)`;
const keysOf = ({ events }: ComparedPage) => JSON.stringify(events.map(({ eventKey }) => eventKey));

/**
 * Stores events that are at no address of the connection. They belong to the address at which the provider would have
 * sent them: that of the connection's own, where it has one.
 */
async function addMissing(tx: Transaction, ref: ConnectionRef, page: ComparedPage): Promise<number> {
  const { provider, environment, externalAccountId } = page.account;
  const rows = page.events.map((event) => ({ ...event, id: uuidv7() }));
  const added = await tx.execute(sql`
    insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, body, origin)
    select listed.id, ${provider},
      case when exists (select from webhook_endpoints where connection_id = ${ref.connectionId}) then ${ref.connectionId} else ${APP_ENDPOINT} end,
      listed."eventKey", listed.type, ${environment}, ${externalAccountId}, ${page.partition}::smallint, convert_to(listed.body, 'UTF8'), 'feed'
    from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as listed(id uuid, "eventKey" text, type text, body text)
    where not exists (select from webhook_events known
      where known.provider = ${provider} and known.endpoint in ${endpointsOf(ref)} and known.event_key = listed."eventKey")
    order by listed."eventKey"
    on conflict (provider, endpoint, event_key) do nothing returning id`);
  return added.length;
}

async function countDelivered(tx: Transaction, ref: ConnectionRef, page: ComparedPage): Promise<number> {
  const [row] = await tx.execute<{ count: number }>(sql`
    select count(distinct event_key)::integer as count from webhook_events
    where provider = ${page.account.provider} and endpoint in ${endpointsOf(ref)} and origin = 'delivery'
      and event_key in (select jsonb_array_elements_text(${keysOf(page)}::jsonb))`);
  return row?.count ?? 0;
}
