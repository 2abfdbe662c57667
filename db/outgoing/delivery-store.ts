import { and, asc, eq, inArray, isNotNull, lte, sql } from 'drizzle-orm';
import type { MessageId, SubscriptionRef } from '../../contracts/ids.ts';
import type { DeliveryError, DisabledReason, OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { FAILING_TOO_LONG_MS } from '../../domain/outgoing/delivery-schedule.ts';
import { recordWith } from '../core/audit-store.ts';
import { addDeadLetters, deliveryKey, reopenDeadLettersOf, resolveDeadLetters } from '../dead-letters/dead-letters.ts';
import type { NewDeadLetter } from '../dead-letters/dead-letters.ts';
import { together, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { deliveries } from '../schema/outgoing/deliveries.ts';
import { outgoingMessages } from '../schema/outgoing/outgoing-messages.ts';
import { subscriptionSecrets } from '../schema/outgoing/subscription-secrets.ts';
import { subscriptions } from '../schema/outgoing/subscriptions.ts';

/** Where a subscription's messages go, and what signs them. */
export interface Receiver {
  readonly enabled: boolean;
  readonly url: string;
  /** The current one first, then those that have yet to expire. */
  readonly sealedSecrets: readonly SealedSecret[];
}

export interface DueMessage {
  readonly id: MessageId;
  readonly type: OutgoingEventType;
  readonly occurredAt: Date;
  readonly data: Readonly<Record<string, unknown>>;
  /** Attempts that have failed since the message was announced or resent. */
  readonly attempts: number;
}

/** What became of an attempt. */
export interface AttemptOutcome {
  readonly messageId: MessageId;
  /** `attempts` of the message when it was taken. An attempt that another one has overtaken changes nothing. */
  readonly attempts: number;
  readonly status: number | null;
  /** Null: the receiver has accepted the message. */
  readonly error: DeliveryError | null;
  /** The pause before the next attempt; null when there is none. */
  readonly retryInMs: number | null;
}

interface RoundOptions {
  /** Where the attempts were sent. What another receiver has answered says nothing of the present one. */
  readonly url: string;
  /** The receiver wants no more messages. */
  readonly gone: boolean;
  /** For how long the receiver wants no messages; null when it has not said. */
  readonly restMs: number | null;
}

/** Messages on their way to a venue's receivers, as a worker takes and marks them. */
export interface DeliveryStore {
  /** Where the subscription's messages go; null when it is gone. */
  findReceiver(ref: SubscriptionRef): Promise<Receiver | null>;
  /** Messages that are due, the longest overdue first. Digests among them collect no further events. */
  takeDue(ref: SubscriptionRef, limit: number): Promise<readonly DueMessage[]>;
  /**
   * Marks attempts, in one transaction. Disables a subscription that has accepted nothing for days, or at once with
   * `gone`, and stores an audit row. Returns why it has disabled it. With `restMs`, no message is due before that.
   */
  settle(
    ref: SubscriptionRef,
    outcomes: readonly AttemptOutcome[],
    options: RoundOptions,
  ): Promise<DisabledReason | null>;
  /**
   * Marks that nobody delivers the subscription's messages. Look for due ones once more afterwards: one that was
   * announced before found the subscription awake and has woken nobody.
   */
  fallAsleep(ref: SubscriptionRef): Promise<void>;
  /** Takes back `fallAsleep`. */
  markAwake(ref: SubscriptionRef): Promise<void>;
  /** Milliseconds until the next message is due; null when there is none, or the subscription is not enabled. */
  nextDueInMs(ref: SubscriptionRef): Promise<number | null>;

  /**
   * Subscriptions of any venue whose messages are due and that nobody delivers, and marks them as awake. Crosses venues:
   * never return them to a caller.
   */
  claimDue(limit: number): Promise<readonly SubscriptionRef[]>;
  /** Messages of all venues that wait to be delivered, and for how long the first has been due, for metrics. */
  countPending(): Promise<{ readonly pending: number; readonly overdueSeconds: number }>;
}

export function createDeliveryStore(db: Database): DeliveryStore {
  const setAwake = (ref: SubscriptionRef, awake: boolean) =>
    withVenue(db, ref.venueId, async (tx) => {
      await tx
        .update(subscriptions)
        .set({ awake, ...(awake && { wokenAt: sql`now()` }) })
        .where(eq(subscriptions.id, ref.subscriptionId));
    });
  return {
    findReceiver: (ref) => withVenue(db, ref.venueId, (tx) => findReceiver(tx, ref)),
    takeDue: (ref, limit) => withVenue(db, ref.venueId, (tx) => takeDue(tx, ref, limit)),

    settle: (ref, outcomes, { url, gone, restMs }) =>
      withVenue(db, ref.venueId, async (tx) => {
        const isPresent = await lockReceiver(tx, ref, url);
        const marked: AttemptOutcome[] = [];
        for (const outcome of outcomes) if (await mark(tx, ref, outcome)) marked.push(outcome);
        await listFailed(tx, ref, marked);
        if (!isPresent) return null;
        if (restMs !== null) await rest(tx, ref, restMs);
        return noteHealth(tx, ref, { gone, accepted: outcomes.some(({ error }) => error === null) });
      }),

    fallAsleep: (ref) => setAwake(ref, false),
    markAwake: (ref) => setAwake(ref, true),

    nextDueInMs: ({ venueId, subscriptionId }) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.execute<{ due_in_ms: number | null }>(sql`
          select ceil(extract(epoch from min(greatest(d.next_attempt_at, s.rests_until)) - now()) * 1000)::float8 as due_in_ms
          from deliveries d join subscriptions s on s.id = d.subscription_id
          where d.subscription_id = ${subscriptionId} and d.state = 'pending' and s.state = 'enabled'`);
        return row?.due_in_ms ?? null;
      }),

    async claimDue(limit) {
      const rows = await db.execute<{
        venue_id: SubscriptionRef['venueId'];
        subscription_id: SubscriptionRef['subscriptionId'];
      }>(sql`select venue_id, subscription_id from claim_due_subscriptions(${limit})`);
      return rows.map((row) => ({ venueId: row.venue_id, subscriptionId: row.subscription_id }));
    },

    async countPending() {
      const [row] = await db.execute<{ pending: string; overdue_seconds: number }>(
        sql`select pending, overdue_seconds from count_pending_deliveries()`,
      );
      return { pending: Number(row?.pending ?? 0), overdueSeconds: row?.overdue_seconds ?? 0 };
    },
  };
}

async function findReceiver(tx: Transaction, { subscriptionId }: SubscriptionRef): Promise<Receiver | null> {
  const { sealedSecret, expiresAt, id } = subscriptionSecrets;
  const [[subscription], secrets] = await together(
    tx
      .select({ url: subscriptions.url, state: subscriptions.state })
      .from(subscriptions)
      .where(eq(subscriptions.id, subscriptionId))
      .execute(),
    tx
      .select({ sealedSecret })
      .from(subscriptionSecrets)
      .where(
        and(
          eq(subscriptionSecrets.subscriptionId, subscriptionId),
          sql`(${expiresAt} is null or ${expiresAt} > now())`,
        ),
      )
      .orderBy(sql`${id} desc`)
      .execute(),
  );
  if (!subscription) return null;
  const { url, state } = subscription;
  return { url, enabled: state === 'enabled', sealedSecrets: secrets.map((row) => row.sealedSecret) };
}

async function takeDue(tx: Transaction, { subscriptionId }: SubscriptionRef, limit: number): Promise<DueMessage[]> {
  const isDue = and(
    eq(deliveries.subscriptionId, subscriptionId),
    eq(deliveries.state, 'pending'),
    lte(deliveries.nextAttemptAt, sql`now()`),
    sql`not exists (select from subscriptions s where s.id = ${subscriptionId} and s.rests_until > now())`,
  );
  const due = () =>
    tx
      .select({ id: deliveries.messageId })
      .from(deliveries)
      .where(isDue)
      .orderBy(asc(deliveries.nextAttemptAt), asc(deliveries.messageId))
      .limit(limit);
  // A digest that is sent may not change any more. A transaction that is adding to it is waited for.
  await tx
    .update(outgoingMessages)
    .set({ digestKey: null })
    .where(and(isNotNull(outgoingMessages.digestKey), inArray(outgoingMessages.id, due())));
  const { id, type, occurredAt, data } = outgoingMessages;
  return (
    tx
      .select({ id, type, occurredAt, data, attempts: deliveries.attempts })
      .from(deliveries)
      .innerJoin(outgoingMessages, eq(id, deliveries.messageId))
      // A digest that another subscription's sender has not closed yet is left for the next look.
      .where(and(isDue, sql`${outgoingMessages.digestKey} is null`))
      .orderBy(asc(deliveries.nextAttemptAt), asc(deliveries.messageId))
      .limit(limit)
  );
}

/** Whether the subscription still has this URL. Locks it before its deliveries, in the order in which it is disabled. */
async function lockReceiver(tx: Transaction, { subscriptionId }: SubscriptionRef, url: string): Promise<boolean> {
  const [row] = await tx
    .select({ url: subscriptions.url })
    .from(subscriptions)
    .where(eq(subscriptions.id, subscriptionId))
    .for('no key update');
  return row?.url === url;
}

/** Leaves the receiver alone: it has asked for it. */
async function rest(tx: Transaction, { subscriptionId }: SubscriptionRef, restMs: number): Promise<void> {
  const until = sql`now() + make_interval(secs => ${restMs / 1_000})`;
  await tx
    .update(subscriptions)
    .set({ restsUntil: sql`greatest(${subscriptions.restsUntil}, ${until})` })
    .where(eq(subscriptions.id, subscriptionId));
}

/** False: another attempt or a resend has overtaken this one, which changes nothing. */
async function mark(
  tx: Transaction,
  { subscriptionId }: SubscriptionRef,
  { messageId, attempts, status, error, retryInMs }: AttemptOutcome,
): Promise<boolean> {
  const state = error === null ? 'delivered' : retryInMs === null ? 'failed' : 'pending';
  const marked = await tx
    .update(deliveries)
    .set({
      ...{ state, attempts: attempts + 1, lastStatus: status, lastError: error, lastAttemptAt: sql`now()` },
      nextAttemptAt: state === 'pending' ? sql`now() + make_interval(secs => ${(retryInMs ?? 0) / 1_000})` : null,
    })
    .where(
      and(
        eq(deliveries.subscriptionId, subscriptionId),
        eq(deliveries.messageId, messageId),
        eq(deliveries.state, 'pending'),
        eq(deliveries.attempts, attempts),
      ),
    )
    .returning({ id: deliveries.messageId });
  return marked.length > 0;
}

/** Lists messages that have failed for good as dead letters, and settles those of earlier failures that were accepted. */
async function listFailed(tx: Transaction, ref: SubscriptionRef, outcomes: readonly AttemptOutcome[]): Promise<void> {
  const message = 'The receiver has not accepted the message for three days.';
  await addDeadLetters(
    tx,
    outcomes.flatMap(({ messageId, error, retryInMs }) =>
      error === null || retryInMs !== null ? [] : [failedDelivery(ref, { messageId, code: error, message })],
    ),
  );
  await resolveDeadLetters(
    tx,
    'delivery',
    outcomes.flatMap(({ messageId, error }) =>
      error === null ? [deliveryKey({ subscriptionId: ref.subscriptionId, messageId })] : [],
    ),
  );
}

const failedDelivery = (
  { venueId, subscriptionId }: SubscriptionRef,
  { messageId, code, message }: { readonly messageId: MessageId } & Pick<NewDeadLetter, 'code' | 'message'>,
): NewDeadLetter => ({
  venueId,
  source: 'delivery',
  sourceKey: deliveryKey({ subscriptionId, messageId }),
  code,
  message,
});

/** Notes whether the receiver accepts messages, and disables a subscription whose receiver has not for days. */
async function noteHealth(
  tx: Transaction,
  ref: SubscriptionRef,
  { gone, accepted }: { readonly gone: boolean; readonly accepted: boolean },
): Promise<DisabledReason | null> {
  const { failingSince } = subscriptions;
  const isThis = eq(subscriptions.id, ref.subscriptionId);
  if (accepted && !gone) {
    await tx
      .update(subscriptions)
      .set({ failingSince: null })
      .where(and(isThis, isNotNull(failingSince)));
    return null;
  }
  const [row] = await tx
    .update(subscriptions)
    .set({ failingSince: sql`coalesce(${failingSince}, now())` })
    .where(and(isThis, eq(subscriptions.state, 'enabled')))
    .returning({
      failing: sql<boolean>`${failingSince} <= now() - make_interval(secs => ${FAILING_TOO_LONG_MS / 1_000})`,
    });
  if (!row || (!gone && !row.failing)) return null;
  const reason = gone ? 'gone' : 'failing';
  await disable(tx, ref, reason);
  return recordWith(tx, reason, () => ({
    venueId: ref.venueId,
    actor: 'deliverWebhooks',
    action: 'subscription.disabled',
    targetType: 'subscription',
    targetId: ref.subscriptionId,
    outcome: 'ok',
    requestId: null,
    details: { reason },
  }));
}

/** Disables a subscription. Its messages that have yet to be accepted have failed, are listed so, and can be resent once it is enabled. */
export async function disable(tx: Transaction, ref: SubscriptionRef, reason: DisabledReason): Promise<void> {
  await tx
    .update(subscriptions)
    .set({
      ...{ state: 'disabled', disabledReason: reason, disabledAt: sql`now()` },
      updatedAt: sql`now()`,
    })
    .where(eq(subscriptions.id, ref.subscriptionId));
  const failed = await tx
    .update(deliveries)
    .set({
      state: 'failed',
      nextAttemptAt: null,
      lastError: sql`coalesce(${deliveries.lastError}, 'subscription-disabled')`,
    })
    .where(and(eq(deliveries.subscriptionId, ref.subscriptionId), eq(deliveries.state, 'pending')))
    .returning({ messageId: deliveries.messageId, error: deliveries.lastError });
  await reopenDeadLettersOf(tx, ref);
  const message = 'The subscription was disabled before its receiver had accepted the message.';
  await addDeadLetters(
    tx,
    failed.map(({ messageId, error }) =>
      failedDelivery(ref, { messageId, code: error ?? 'subscription-disabled', message }),
    ),
  );
}
