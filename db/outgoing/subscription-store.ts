import { and, count, desc, eq, gt, lt, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { SubscriptionId, SubscriptionRef, VenueId } from '../../contracts/ids.ts';
import type { DisabledReason, OutgoingEventType, SubscriptionState } from '../../contracts/outgoing-webhooks.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { toPage } from '../core/page.ts';
import type { Page, PageRequest } from '../core/page.ts';
import { VenueCapError, lockCount } from '../core/venue-cap.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { resolveDeadLettersOf } from '../dead-letters/dead-letters.ts';
import { deliveries } from '../schema/outgoing/deliveries.ts';
import { subscriptionSecrets } from '../schema/outgoing/subscription-secrets.ts';
import { subscriptions } from '../schema/outgoing/subscriptions.ts';
import { disable } from './delivery-store.ts';

/** A subscription as its venue sees it. Never with a secret. */
export interface Subscription {
  readonly id: SubscriptionId;
  readonly url: string;
  /** Null: all. */
  readonly types: readonly OutgoingEventType[] | null;
  readonly description: string | null;
  readonly state: SubscriptionState;
  readonly disabledReason: DisabledReason | null;
  readonly disabledAt: Date | null;
  readonly failingSince: Date | null;
  /** The receiver has asked for no messages before this time. */
  readonly restsUntil: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface NewSubscription extends SubscriptionRef, Pick<Subscription, 'url' | 'types' | 'description'> {
  readonly sealedSecret: SealedSecret;
}

/** What is left out stays as it is. */
export interface SubscriptionChange {
  readonly url?: string | undefined;
  readonly types?: Subscription['types'] | undefined;
  readonly description?: string | null | undefined;
  readonly enabled?: boolean | undefined;
}

/** A venue's subscriptions, as its people manage them. A change and its audit row are one transaction. */
export interface SubscriptionStore {
  /** Throws VenueCapError when the venue may have no further one. */
  create(subscription: NewSubscription, audit: AuditEntry): Promise<Subscription>;
  /** Newest first. */
  list(venueId: VenueId, page: PageRequest): Promise<Page<Subscription>>;
  find(ref: SubscriptionRef): Promise<Subscription | null>;
  /** Null when the venue has no such subscription. */
  change(ref: SubscriptionRef, change: SubscriptionChange, audit: AuditEntry): Promise<Subscription | null>;
  /** Removes the subscription with its secrets and deliveries, and settles their dead letters. False: the venue has none. */
  remove(ref: SubscriptionRef, audit: AuditEntry): Promise<boolean>;
  /**
   * Makes a secret the current one. Those before it sign too until `overlapSeconds` have passed. Null when the venue has
   * no such subscription.
   */
  rotateSecret(
    ref: SubscriptionRef,
    secret: { readonly sealedSecret: SealedSecret; readonly overlapSeconds: number },
    audit: AuditEntry,
  ): Promise<{ readonly previousExpiresAt: Date } | null>;
}

const SHOWN = {
  ...{ id: subscriptions.id, url: subscriptions.url, types: subscriptions.types },
  ...{ description: subscriptions.description, state: subscriptions.state },
  ...{ disabledReason: subscriptions.disabledReason, disabledAt: subscriptions.disabledAt },
  ...{ failingSince: subscriptions.failingSince, restsUntil: subscriptions.restsUntil },
  ...{ createdAt: subscriptions.createdAt, updatedAt: subscriptions.updatedAt },
};

/** `maxPerVenue`: subscriptions that one venue may have. */
export function createSubscriptionStore(db: Database, maxPerVenue = Infinity): SubscriptionStore {
  return {
    create: (subscription, audit) =>
      withVenue(db, subscription.venueId, async (tx) => {
        await requireRoom(tx, subscription.venueId, maxPerVenue);
        const { subscriptionId: id, venueId, sealedSecret, ...fields } = subscription;
        const [row] = await tx
          .insert(subscriptions)
          .values({ id, venueId, ...fields })
          .returning(SHOWN);
        if (!row) throw new Error('the subscription that was just made is gone');
        await insertSecret(tx, subscription, sealedSecret);
        return recordWith(tx, row, () => audit);
      }),

    list: (venueId, { limit, after }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select(SHOWN)
          .from(subscriptions)
          .where(after === null ? undefined : lt(subscriptions.id, after as SubscriptionId))
          .orderBy(desc(subscriptions.id))
          .limit(limit + 1);
        return toPage(rows, limit, { item: (row) => row, id: (row) => row.id });
      }),

    find: (ref) => withVenue(db, ref.venueId, (tx) => find(tx, ref)),

    change: (ref, { enabled, ...fields }, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const before = await find(tx, ref);
        if (!before) return null;
        const isOther = fields.url !== undefined && fields.url !== before.url;
        await tx
          .update(subscriptions)
          // Another receiver, or one that is said to work again, has asked for nothing.
          .set({
            ...{ ...fields, updatedAt: sql`now()` },
            ...((fields.url !== undefined || enabled === true) && { restsUntil: null }),
            ...(isOther && { failingSince: null }),
          })
          .where(eq(subscriptions.id, ref.subscriptionId));
        if (isOther) await shortenPauses(tx, ref);
        if (enabled === false && before.state === 'enabled') await disable(tx, ref, 'requested');
        if (enabled === true) await enable(tx, ref);
        return recordWith(tx, await find(tx, ref), () => audit);
      }),

    remove: (ref, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const removed = await tx
          .delete(subscriptions)
          .where(eq(subscriptions.id, ref.subscriptionId))
          .returning({ id: subscriptions.id });
        if (removed.length === 0) return false;
        await resolveDeadLettersOf(tx, ref);
        return recordWith(tx, true, () => audit);
      }),

    rotateSecret: (ref, { sealedSecret, overlapSeconds }, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const [locked] = await tx
          .select({ id: subscriptions.id })
          .from(subscriptions)
          .where(eq(subscriptions.id, ref.subscriptionId))
          .for('update');
        if (!locked) return null;
        const { subscriptionId, expiresAt } = subscriptionSecrets;
        await tx
          .delete(subscriptionSecrets)
          .where(and(eq(subscriptionId, ref.subscriptionId), sql`${expiresAt} <= now()`));
        const end = sql`now() + make_interval(secs => ${overlapSeconds})`;
        const [previous] = await tx
          .update(subscriptionSecrets)
          // A secret that was rolled before keeps its end unless the new one comes sooner.
          .set({ expiresAt: sql`least(coalesce(${expiresAt}, 'infinity'), ${end})` })
          .where(eq(subscriptionId, ref.subscriptionId))
          .returning({ expiresAt: sql`${end}`.mapWith(expiresAt) });
        await insertSecret(tx, ref, sealedSecret);
        return recordWith(tx, { previousExpiresAt: previous?.expiresAt ?? new Date() }, () => audit);
      }),
  };
}

async function requireRoom(tx: Transaction, venueId: VenueId, max: number): Promise<void> {
  await lockCount(tx, { venueId, what: 'subscriptions' });
  const [row] = await tx.select({ count: count() }).from(subscriptions);
  if ((row?.count ?? 0) >= max) throw new VenueCapError(max);
}

async function find(tx: Transaction, { subscriptionId }: SubscriptionRef): Promise<Subscription | null> {
  const [row] = await tx.select(SHOWN).from(subscriptions).where(eq(subscriptions.id, subscriptionId));
  return row ?? null;
}

async function insertSecret(tx: Transaction, ref: SubscriptionRef, sealedSecret: SealedSecret): Promise<void> {
  await tx.insert(subscriptionSecrets).values({ id: uuidv7(), ...ref, sealedSecret });
}

/** Messages that wait because an earlier receiver has failed are due: another one has not. */
async function shortenPauses(tx: Transaction, { subscriptionId }: SubscriptionRef): Promise<void> {
  const { state, attempts, nextAttemptAt } = deliveries;
  await tx
    .update(deliveries)
    .set({ nextAttemptAt: sql`now()` })
    .where(
      and(
        eq(deliveries.subscriptionId, subscriptionId),
        ...[eq(state, 'pending'), gt(attempts, 0), gt(nextAttemptAt, sql`now()`)],
      ),
    );
}

/** Messages that failed while it was disabled stay as they are: a person resends them, or does not. */
async function enable(tx: Transaction, { subscriptionId }: SubscriptionRef): Promise<void> {
  await tx
    .update(subscriptions)
    .set({ state: 'enabled', disabledReason: null, disabledAt: null, failingSince: null })
    .where(and(eq(subscriptions.id, subscriptionId), eq(subscriptions.state, 'disabled')));
}
