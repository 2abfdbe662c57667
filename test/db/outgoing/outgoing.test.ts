import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SubscriptionId, SubscriptionRef, VenueId } from '../../../contracts/ids.ts';
import type { OutgoingEventType } from '../../../contracts/outgoing-webhooks.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { announce } from '../../../db/outgoing/announce.ts';
import { createDeliveryStore } from '../../../db/outgoing/delivery-store.ts';
import type { DeliveryStore } from '../../../db/outgoing/delivery-store.ts';
import { createSubscriptionStore } from '../../../db/outgoing/subscription-store.ts';
import type { SubscriptionStore } from '../../../db/outgoing/subscription-store.ts';
import { MAX_DELIVERY_ATTEMPTS, pauseBeforeAttemptMs, restMs } from '../../../domain/outgoing/delivery-schedule.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

const RECEIVER = 'https://a.example/';

let database: TestDatabase;
let store: DeliveryStore;
let venueId: VenueId;
beforeAll(async () => {
  database = await createTestDatabase();
  store = createDeliveryStore(database.db);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate subscriptions, outgoing_messages, dead_letters cascade`;
  venueId = await aVenue(database.db);
});

async function subscribe(types: readonly OutgoingEventType[] | null = null, venue = venueId): Promise<SubscriptionRef> {
  const ref = { venueId: venue, subscriptionId: uuidv7() as SubscriptionId };
  const sealedSecret = new Uint8Array([1]) as SealedSecret;
  await createSubscriptionStore(database.db).create(
    { ...ref, url: RECEIVER, types, description: null, sealedSecret },
    {
      ...{ venueId: venue, actor: 'a', action: 'subscription.created', targetType: 'subscription' },
      ...{ targetId: ref.subscriptionId, outcome: 'ok', requestId: null },
    },
  );
  return ref;
}
const tell = (type: OutgoingEventType = 'sync.finished', venue = venueId) =>
  withVenue(database.db, venue, (tx) => announce(tx, { venueId: venue, type, data: {} } as never));
const change = (created: number) =>
  withVenue(database.db, venueId, (tx) =>
    announce(tx, {
      ...{ venueId, type: 'record.changed', data: {} as never },
      digest: { key: 'customers', counts: { created, updated: 0, archived: 0 } },
    }),
  );
const messages = () => database.admin`select type, data, digest_key from outgoing_messages`;
const deliveries = () => database.admin`select * from deliveries`;
/** The column rounds to milliseconds, also up. */
const makeDue = () =>
  database.admin`update deliveries set next_attempt_at = now() - interval '1 millisecond' where state = 'pending'`;

const OTHER_RECEIVER = 'https://b.example/';
const restsUntil = async () =>
  (await database.admin`select rests_until from subscriptions`)[0]?.['rests_until'] as unknown;
const changeTo = (ref: SubscriptionRef, to: Parameters<SubscriptionStore['change']>[1]) =>
  createSubscriptionStore(database.db).change(ref, to, {
    ...{ venueId, actor: 'a', action: 'subscription.changed', targetType: 'subscription' },
    ...{ targetId: ref.subscriptionId, outcome: 'ok', requestId: null },
  });

/** Takes what is due, and marks it with the receiver's answer. */
async function attempt(ref: SubscriptionRef, status: number | null, restMs: number | null = null) {
  const due = await store.takeDue(ref, 10);
  const error = status !== null && status < 300 ? null : 'status';
  const outcomes = due.map(({ id, attempts }) => ({
    ...({ messageId: id, attempts, status, error } as const),
    retryInMs: error === null ? null : pauseBeforeAttemptMs(attempts + 1),
  }));
  return store.settle(ref, outcomes, { url: RECEIVER, gone: status === 410, restMs });
}

describe('an announcement', () => {
  it('is undone with the change that it tells of', async () => {
    await subscribe();
    const undone = withVenue(database.db, venueId, async (tx) => {
      await announce(tx, { venueId, type: 'sync.finished', data: {} as never });
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await messages()).toHaveLength(0);
  });

  it('writes nothing when nobody subscribes to its type', async () => {
    await tell();
    await subscribe(['sync.failed']);
    await tell();
    expect(await messages()).toHaveLength(0);
  });

  it('writes one message for all subscriptions of the venue, and none for another venue’s', async () => {
    await subscribe();
    await subscribe(['sync.finished']);
    await subscribe(null, await aVenue(database.db));
    await tell();
    expect(await messages()).toHaveLength(1);
    expect((await deliveries()).map((row) => row['venue_id'] as string)).toEqual([venueId, venueId]);
  });

  it('of 10,000 changes is one message with their sum, until that is sent', async () => {
    const ref = await subscribe();
    for (let page = 0; page < 100; page += 1) await change(100);
    expect([...(await messages())]).toMatchObject([{ data: { counts: { created: 10_000 } } }]);
    expect(await store.takeDue(ref, 10)).toEqual([]);
    await makeDue();
    expect(await store.takeDue(ref, 10)).toMatchObject([{ data: { counts: { created: 10_000 } } }]);
    await change(1);
    expect(await messages()).toHaveLength(2);
  });

  it('loses none of the changes that are added while the digest is being sent', async () => {
    const ref = await subscribe();
    const sent = new Map<string, number>();
    const drain = async () => {
      await makeDue();
      for (const { id, data } of await store.takeDue(ref, 10))
        sent.set(id, (data['counts'] as { created: number }).created);
    };
    for (let round = 0; round < 10; round += 1) await Promise.all([change(1), change(1), drain(), change(1)]);
    await drain();
    expect([...sent.values()].reduce((sum, count) => sum + count, 0)).toBe(30);
  });
});

describe('a delivery', () => {
  it('fails for good after the last of its attempts over three days, and is listed as a dead letter', async () => {
    const ref = await subscribe();
    await tell();
    let waitedMs = 0;
    for (let failed = 1; failed <= MAX_DELIVERY_ATTEMPTS; failed += 1) {
      expect(await attempt(ref, 500)).toBeNull();
      waitedMs += pauseBeforeAttemptMs(failed, () => 0) ?? 0;
      await makeDue();
    }
    expect(waitedMs / 86_400_000).toBeGreaterThan(3);
    expect([...(await deliveries())]).toMatchObject([
      { state: 'failed', attempts: MAX_DELIVERY_ATTEMPTS, last_status: 500 },
    ]);
    expect([...(await database.admin`select source, code from dead_letters`)]).toEqual([
      { source: 'delivery', code: 'status' },
    ]);
  });

  it('that another attempt has overtaken changes nothing', async () => {
    const ref = await subscribe();
    await tell();
    const [{ id: messageId } = { id: '' as never }] = await store.takeDue(ref, 10);
    await attempt(ref, 204);
    const late = { messageId, attempts: 0, status: 500, error: 'status', retryInMs: 5_000 } as const;
    await store.settle(ref, [late, { ...late, retryInMs: null }], { url: RECEIVER, gone: false, restMs: null });
    expect([...(await deliveries())]).toMatchObject([{ state: 'delivered', attempts: 1 }]);
    expect([...(await database.admin`select code from dead_letters`)]).toEqual([]);
  });

  it.each([
    ['gone', 410, 0],
    ['failing', 500, 73],
  ] as const)('disables a subscription that is %s, and fails what waits', async (reason, status, hours) => {
    const ref = await subscribe();
    await tell();
    await database.admin`update subscriptions set failing_since = now() - ${hours}::int * interval '1 hour' where ${hours} > 0`;
    expect(await attempt(ref, status)).toBe(reason);
    expect([...(await database.admin`select state, disabled_reason from subscriptions`)]).toEqual([
      { state: 'disabled', disabled_reason: reason },
    ]);
    expect([...(await deliveries())]).toMatchObject([{ state: 'failed', next_attempt_at: null }]);
    expect([
      ...(await database.admin`select actor from audit_log where action = 'subscription.disabled' and target_id = ${ref.subscriptionId}`),
    ]).toEqual([{ actor: 'deliverWebhooks' }]);
    await tell();
    expect(await deliveries()).toHaveLength(1);
  });

  it('that is accepted ends a time of failures', async () => {
    const ref = await subscribe();
    await tell();
    await attempt(ref, 500);
    await makeDue();
    await attempt(ref, 200);
    expect([...(await database.admin`select failing_since from subscriptions`)]).toEqual([{ failing_since: null }]);
  });
});

describe('a receiver that has asked for a rest', () => {
  const isDue = async (ref: SubscriptionRef) => ({
    taken: (await store.takeDue(ref, 10)).length,
    claimed: (await store.claimDue(10)).length,
    overdue: (await store.countPending()).overdueSeconds,
  });
  const wakeUp = () => database.admin`update subscriptions set awake = false, woken_at = null`;

  it('is sent nothing meanwhile, also no new message, and everything afterwards', async () => {
    const ref = await subscribe();
    await tell();
    await attempt(ref, 503, 60_000);
    await makeDue();
    await tell();
    await wakeUp();
    expect(await isDue(ref)).toEqual({ taken: 0, claimed: 0, overdue: 0 });
    const dueInMs = await store.nextDueInMs(ref);
    expect(dueInMs).toBeGreaterThan(55_000);
    expect(dueInMs).toBeLessThanOrEqual(60_000);
    await database.admin`update subscriptions set rests_until = now() - interval '1 second'`;
    expect(await isDue(ref)).toMatchObject({ taken: 2, claimed: 1 });
  });

  it('is not sent to sooner because another answer of the same round has asked for less', async () => {
    const ref = await subscribe();
    await tell();
    await attempt(ref, 503, 60_000);
    await store.settle(ref, [], { url: RECEIVER, gone: false, restMs: 1_000 });
    expect(await store.nextDueInMs(ref)).toBeGreaterThan(55_000);
  });

  it('rests no longer once its URL is changed or it is enabled again', async () => {
    const ref = await subscribe();
    for (const [url, to] of [
      [RECEIVER, { url: OTHER_RECEIVER }],
      [OTHER_RECEIVER, { enabled: true }],
    ] as const) {
      await store.settle(ref, [], { url, gone: false, restMs: 60_000 });
      expect(await restsUntil()).not.toBeNull();
      expect(await changeTo(ref, to)).toMatchObject({ restsUntil: null });
    }
  });
});

describe('a receiver that another one has replaced', () => {
  it('neither disables the subscription nor has it rest by what it answers late', async () => {
    const ref = await subscribe();
    await tell();
    const [{ id: messageId } = { id: '' as never }] = await store.takeDue(ref, 10);
    await changeTo(ref, { url: OTHER_RECEIVER });
    const late = { messageId, attempts: 0, status: 410, error: 'status', retryInMs: 5_000 } as const;
    expect(await store.settle(ref, [late], { url: RECEIVER, gone: true, restMs: 60_000 })).toBeNull();
    expect([...(await database.admin`select state, failing_since, rests_until from subscriptions`)]).toEqual([
      { state: 'enabled', failing_since: null, rests_until: null },
    ]);
    expect([...(await deliveries())]).toMatchObject([{ state: 'pending', attempts: 1 }]);
  });

  it('leaves its successor the messages that it has failed at once, and those that were not tried yet as they are', async () => {
    const ref = await subscribe();
    await tell();
    await attempt(ref, 500);
    // A digest that still collects events.
    await change(1);
    await database.admin`update deliveries set next_attempt_at = now() + interval '2 hours' where state = 'pending'`;
    await changeTo(ref, { description: 'The same receiver' });
    await changeTo(ref, { url: RECEIVER });
    expect(await store.takeDue(ref, 10)).toEqual([]);
    await changeTo(ref, { url: OTHER_RECEIVER });
    expect(await store.takeDue(ref, 10)).toMatchObject([{ attempts: 1 }]);
    expect(await store.nextDueInMs(ref)).toBeLessThanOrEqual(0);
  });

  it('leaves its successor the whole time that a failing receiver has', async () => {
    const ref = await subscribe();
    await tell();
    await database.admin`update subscriptions set failing_since = now() - interval '73 hours'`;
    await changeTo(ref, { description: 'The same receiver' });
    await changeTo(ref, { url: RECEIVER });
    expect((await database.admin`select failing_since from subscriptions`)[0]?.['failing_since']).not.toBeNull();
    await changeTo(ref, { url: OTHER_RECEIVER });
    const [{ id: messageId } = { id: '' as never }] = await store.takeDue(ref, 10);
    const failed = { messageId, attempts: 0, status: 500, error: 'status', retryInMs: 5_000 } as const;
    expect(await store.settle(ref, [failed], { url: OTHER_RECEIVER, gone: false, restMs: null })).toBeNull();
  });
});

describe('the rest of a receiver', () => {
  it('is the longest that one of its answers asks for, an hour at most', () => {
    expect(restMs([{}, {}])).toBeNull();
    expect(restMs([{ retryAfterMs: 1_000 }, {}, { retryAfterMs: 5_000 }])).toBe(5_000);
    expect(restMs([{ retryAfterMs: 365 * 86_400_000 }])).toBe(3_600_000);
  });
});

describe('subscriptions whose messages are due', () => {
  it('are claimed once, of every venue', async () => {
    const other = await aVenue(database.db);
    const refs = [await subscribe(), await subscribe(null, other)];
    await tell();
    await tell('sync.failed', other);
    const claims = await Promise.all([store.claimDue(10), store.claimDue(10)]);
    expect(
      claims
        .flat()
        .map((ref) => ref.subscriptionId)
        .sort(),
    ).toEqual(refs.map((ref) => ref.subscriptionId).sort());
    expect(await store.claimDue(10)).toEqual([]);
  });

  it('are claimed again when their workflow is gone, and for a retry only when that is overdue', async () => {
    const ref = await subscribe();
    await tell();
    await store.claimDue(10);
    await database.admin`update subscriptions set woken_at = now() - interval '61 seconds'`;
    expect(await store.claimDue(10)).toEqual([ref]);
    await attempt(ref, 500);
    await store.fallAsleep(ref);
    await makeDue();
    expect(await store.claimDue(10)).toEqual([]);
    await database.admin`update deliveries set next_attempt_at = now() - interval '61 seconds'`;
    expect(await store.claimDue(10)).toEqual([ref]);
  });
});
