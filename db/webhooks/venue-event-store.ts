import { and, asc, desc, eq, gte, inArray, isNotNull, lt, ne, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { APP_ENDPOINT } from '../../contracts/inbox.ts';
import type { WebhookEffectKind, WebhookEventOrigin, WebhookEventState } from '../../contracts/inbox.ts';
import type { ConnectionId, RecordId, VenueId, WebhookEventId } from '../../contracts/ids.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { webhookEventEffects } from '../schema/webhooks/webhook-event-effects.ts';
import { webhookEvents } from '../schema/webhooks/webhook-events.ts';

/** What an event did for one of the venue's connections. */
export interface EventEffect {
  readonly kind: WebhookEffectKind;
  readonly connectionId: ConnectionId;
  /** Null for an effect that is on no record. */
  readonly resource: Resource | null;
  /** Null where the event led to no record of the venue's. */
  readonly recordId: RecordId | null;
  /** Why nothing was changed; null when something was. */
  readonly reason: string | null;
  readonly at: Date;
}

/** An event as a venue sees it: never its body, which may hold personal data, nor what it did for another venue. */
export interface VenueEvent {
  readonly id: WebhookEventId;
  readonly provider: ProviderId;
  readonly type: string;
  readonly state: WebhookEventState;
  readonly receivedAt: Date;
  readonly origin: WebhookEventOrigin;
  readonly attempts: number;
  readonly errorCode: string | null;
  readonly partition: number;
  readonly effects: readonly EventEffect[];
}

export interface EventFilter {
  readonly provider?: ProviderId | undefined;
  readonly type?: string | undefined;
  readonly state?: WebhookEventState | undefined;
  readonly origin?: WebhookEventOrigin | undefined;
  /** Inclusive. */
  readonly receivedFrom?: Date | undefined;
  /** Exclusive. */
  readonly receivedTo?: Date | undefined;
}

export interface ReplayedEvents {
  readonly replayed: number;
  /** When the first event was received that was left out because it was one too many; null when none was. */
  readonly next: Date | null;
  /** Partitions in which events wait now. */
  readonly partitions: readonly number[];
}

/** Events of one replay: a few pages of the index, and a bounded transaction. */
export const MAX_REPLAYED = 5_000;

/**
 * The events that a venue may see: those of the accounts that its connections are connected to, received since the
 * connection was made. For an event of any other account it answers as for one that does not exist.
 */
export interface VenueEventStore {
  /** Newest first. */
  list(
    venueId: VenueId,
    query: { readonly filter: EventFilter; readonly page: PageRequest },
  ): Promise<Page<VenueEvent>>;
  find(venueId: VenueId, id: WebhookEventId): Promise<VenueEvent | null>;
  /**
   * Has the event handled again, for every venue that has connected its account; one that waits anyway is left as it
   * is. The audit entry is stored with the change. Null: the venue sees no such event. `expired`: nothing of it is left to
   * handle, and it stays what it was.
   */
  replay(venueId: VenueId, id: WebhookEventId, audit: AuditEntry): Promise<VenueEvent | 'expired' | null>;
  /**
   * Has up to `MAX_REPLAYED` events that the filter names handled again, those received first, without those that have
   * expired. The audit entry is stored with the change.
   */
  replayMany(
    venueId: VenueId,
    filter: EventFilter,
    auditOf: (result: ReplayedEvents) => AuditEntry,
  ): Promise<ReplayedEvents>;
}

/**
 * Row-level security leaves the venue's own connections. What came to a connection's own address is that connection's
 * alone: its venue knows the secret, and could have written it itself.
 */
const isVisible = sql`exists (select from ${connections}
  where ${connections.provider} = ${webhookEvents.provider} and ${connections.environment} = ${webhookEvents.environment}
    and ${connections.externalAccountId} = ${webhookEvents.externalAccountId}
    and ${webhookEvents.endpoint} in (${APP_ENDPOINT}, ${connections.id}::text)
    and ${connections.state} not in ('connecting', 'disconnected') and ${connections.createdAt} <= ${webhookEvents.receivedAt})`;

/** An event that was applied would be dead after a replay without its body. */
const hasBody = isNotNull(webhookEvents.body);

export function createVenueEventStore(db: Database): VenueEventStore {
  return {
    list: (venueId, { filter, page: { limit, after } }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await read(tx, limit + 1, [
          after === null ? undefined : lt(webhookEvents.id, after as WebhookEventId),
          ...conditionsOf(filter),
        ]);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    find: (venueId, id) =>
      withVenue(db, venueId, async (tx) => (await read(tx, 1, [eq(webhookEvents.id, id)]))[0] ?? null),

    replay: (venueId, id, audit) =>
      withVenue(db, venueId, async (tx) => {
        const [event] = await read(tx, 1, [eq(webhookEvents.id, id)]);
        if (!event) return null;
        const [held] = await tx
          .select({ id: webhookEvents.id })
          .from(webhookEvents)
          .where(and(eq(webhookEvents.id, id), hasBody));
        if (!held) return 'expired';
        await waitAgain(tx, [id]);
        const [replayed] = await read(tx, 1, [eq(webhookEvents.id, id)]);
        return recordWith(tx, replayed ?? event, () => audit);
      }),

    replayMany: (venueId, filter, auditOf) =>
      withVenue(db, venueId, async (tx) => {
        const { id, receivedAt, partition, state } = webhookEvents;
        const found = await tx
          .select({ id, receivedAt, partition })
          .from(webhookEvents)
          .where(and(isVisible, hasBody, ne(state, 'waiting'), ...conditionsOf(filter)))
          .orderBy(asc(receivedAt), asc(id))
          .limit(MAX_REPLAYED + 1);
        const taken = found.slice(0, MAX_REPLAYED);
        await waitAgain(
          tx,
          taken.map((event) => event.id),
        );
        const partitions = [...new Set(taken.map((event) => event.partition))];
        const result = { replayed: taken.length, next: found[MAX_REPLAYED]?.receivedAt ?? null, partitions };
        return recordWith(tx, result, () => auditOf(result));
      }),
  };
}

const conditionsOf = ({
  provider,
  type,
  state,
  origin,
  receivedFrom,
  receivedTo,
}: EventFilter): (SQL | undefined)[] => [
  provider === undefined ? undefined : eq(webhookEvents.provider, provider),
  type === undefined ? undefined : eq(webhookEvents.type, type),
  state === undefined ? undefined : eq(webhookEvents.state, state),
  origin === undefined ? undefined : eq(webhookEvents.origin, origin),
  receivedFrom === undefined ? undefined : gte(webhookEvents.receivedAt, receivedFrom),
  receivedTo === undefined ? undefined : lt(webhookEvents.receivedAt, receivedTo),
];

async function waitAgain(tx: Transaction, ids: readonly WebhookEventId[]): Promise<void> {
  await tx.execute(sql`
    update webhook_events set state = 'waiting', attempts = 0, due_at = default, error_code = null, again_for = null
    where id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid) and (state <> 'waiting' or again_for is not null)`);
}

async function read(tx: Transaction, limit: number, conditions: readonly (SQL | undefined)[]): Promise<VenueEvent[]> {
  const { id, provider, type, state, receivedAt, origin, attempts, errorCode, partition } = webhookEvents;
  const rows = await tx
    .select({ id, provider, type, state, receivedAt, origin, attempts, errorCode, partition })
    .from(webhookEvents)
    .where(and(isVisible, ...conditions))
    .orderBy(desc(id))
    .limit(limit);
  if (rows.length === 0) return [];
  const { eventId, kind, connectionId, resource, recordId, reason, at } = webhookEventEffects;
  const effects = await tx
    .select({ eventId, kind, connectionId, resource, recordId, reason, at })
    .from(webhookEventEffects)
    .where(
      inArray(
        eventId,
        rows.map((row) => row.id),
      ),
    )
    .orderBy(asc(at));
  return rows.map((row) => ({
    ...row,
    effects: effects.flatMap(({ eventId: of, ...effect }) => (of === row.id ? [effect] : [])),
  }));
}
