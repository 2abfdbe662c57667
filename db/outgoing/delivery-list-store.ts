import { and, desc, eq, inArray, lt, ne, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { MessageId, SubscriptionRef } from '../../contracts/ids.ts';
import type { DeliveryError, DeliveryState, OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditOf } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { deliveryKey } from '../dead-letters/dead-letters.ts';
import { deliveries } from '../schema/outgoing/deliveries.ts';
import { outgoingMessages } from '../schema/outgoing/outgoing-messages.ts';

/** A message to one subscription, and how far it has come. */
export interface Delivery {
  /** Of the message: `webhook-id`. */
  readonly id: MessageId;
  readonly type: OutgoingEventType;
  readonly occurredAt: Date;
  readonly data: Readonly<Record<string, unknown>>;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: DeliveryError | null;
  readonly lastAttemptAt: Date | null;
  readonly nextAttemptAt: Date | null;
}

export interface DeliveryFilter {
  readonly state?: DeliveryState | undefined;
  readonly type?: OutgoingEventType | undefined;
}

export interface ResendFilter extends DeliveryFilter {
  /** Inclusive. */
  readonly from?: Date | undefined;
  /** Exclusive. */
  readonly to?: Date | undefined;
}

/** The deliveries of a subscription, as its venue sees them. */
export interface DeliveryListStore {
  /** Newest message first. */
  list(
    ref: SubscriptionRef,
    query: { readonly filter: DeliveryFilter; readonly page: PageRequest },
  ): Promise<Page<Delivery>>;
  find(ref: SubscriptionRef, id: MessageId): Promise<Delivery | null>;
  /** Has a message delivered again, from the first attempt on. The audit row is stored with it. Null: there is none. */
  resend(ref: SubscriptionRef, id: MessageId, auditOf: AuditOf<number>): Promise<Delivery | null>;
  /** Likewise for the oldest messages of a filter, at most `limit`, except those that wait for their first attempt. */
  resendMany(
    ref: SubscriptionRef,
    many: { readonly filter: ResendFilter; readonly limit: number },
    auditOf: AuditOf<number>,
  ): Promise<number>;
}

const AGAIN = { state: 'pending', attempts: 0, nextAttemptAt: sql`now()` } as const;

export function createDeliveryListStore(db: Database): DeliveryListStore {
  return {
    list: (ref, { filter, page: { limit, after } }) =>
      withVenue(db, ref.venueId, async (tx) => {
        const rows = await read(tx, ref, {
          limit: limit + 1,
          where: and(matches(filter), after === null ? undefined : lt(deliveries.messageId, after as MessageId)),
        });
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    find: (ref, id) => withVenue(db, ref.venueId, (tx) => find(tx, ref, id)),

    resend: (ref, id, auditOf) =>
      withVenue(db, ref.venueId, async (tx) => {
        const resent = await tx
          .update(deliveries)
          .set(AGAIN)
          .where(and(eq(deliveries.subscriptionId, ref.subscriptionId), eq(deliveries.messageId, id)))
          .returning({ id: deliveries.messageId });
        await recordWith(tx, resent.length, auditOf);
        return find(tx, ref, id);
      }),

    resendMany: (ref, { filter, limit }, auditOf) =>
      withVenue(db, ref.venueId, async (tx) => {
        const isChosen = and(
          eq(deliveries.subscriptionId, ref.subscriptionId),
          inArray(
            deliveries.messageId,
            tx
              .select({ id: deliveries.messageId })
              .from(deliveries)
              .innerJoin(outgoingMessages, eq(outgoingMessages.id, deliveries.messageId))
              .where(and(eq(deliveries.subscriptionId, ref.subscriptionId), matches(filter), isTried))
              .orderBy(deliveries.messageId)
              .limit(limit),
          ),
        );
        const resent = await tx.update(deliveries).set(AGAIN).where(isChosen).returning({ id: deliveries.messageId });
        return recordWith(tx, resent.length, auditOf);
      }),
  };
}

/**
 * Has failed deliveries sent again, by the keys of their dead letters. Returns the keys of those that are: none that the
 * receiver has accepted meanwhile, or that has expired.
 */
export async function resendListed(tx: Transaction, keys: readonly string[]): Promise<readonly string[]> {
  if (keys.length === 0) return [];
  const { subscriptionId, messageId, state } = deliveries;
  const isListed = sql`(${subscriptionId}, ${messageId}) in (
    select split_part(key, '/', 1)::uuid, split_part(key, '/', 2)::uuid from jsonb_array_elements_text(${JSON.stringify(keys)}::jsonb) as key)`;
  const resent = await tx
    .update(deliveries)
    .set(AGAIN)
    .where(and(isListed, ne(state, 'delivered')))
    .returning({ subscriptionId, messageId });
  return resent.map(deliveryKey);
}

/** A message that waits for its first attempt needs no other, and a digest may still collect. */
const isTried = sql`(${ne(deliveries.state, 'pending')} or ${deliveries.attempts} > 0)`;

const matches = ({ state, type, from, to }: ResendFilter): SQL | undefined =>
  and(
    state === undefined ? undefined : eq(deliveries.state, state),
    type === undefined ? undefined : eq(outgoingMessages.type, type),
    from === undefined ? undefined : sql`${outgoingMessages.occurredAt} >= ${from.toISOString()}`,
    to === undefined ? undefined : sql`${outgoingMessages.occurredAt} < ${to.toISOString()}`,
  );

async function find(tx: Transaction, ref: SubscriptionRef, id: MessageId): Promise<Delivery | null> {
  const [row] = await read(tx, ref, { limit: 1, where: eq(deliveries.messageId, id) });
  return row ?? null;
}

function read(
  tx: Transaction,
  { subscriptionId }: SubscriptionRef,
  { limit, where }: { readonly limit: number; readonly where: SQL | undefined },
): Promise<Delivery[]> {
  const { type, occurredAt, data } = outgoingMessages;
  const { messageId: id, state, attempts, lastStatus, lastError, lastAttemptAt, nextAttemptAt } = deliveries;
  return tx
    .select({ id, type, occurredAt, data, state, attempts, lastStatus, lastError, lastAttemptAt, nextAttemptAt })
    .from(deliveries)
    .innerJoin(outgoingMessages, eq(outgoingMessages.id, id))
    .where(and(eq(deliveries.subscriptionId, subscriptionId), where))
    .orderBy(desc(id))
    .limit(limit);
}
