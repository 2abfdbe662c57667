import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SubscriptionId, SubscriptionRef, VenueId } from '../../../contracts/ids.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createDeadLetterStore } from '../../../db/dead-letters/dead-letter-store.ts';
import { announce } from '../../../db/outgoing/announce.ts';
import { createDeliveryStore } from '../../../db/outgoing/delivery-store.ts';
import { createSubscriptionStore } from '../../../db/outgoing/subscription-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

const RECEIVER = 'https://a.example/';
const FOUR_DAYS = '4 days';

let database: TestDatabase;
let venueId: VenueId;
let ref: SubscriptionRef;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  venueId = await aVenue(database.db);
  ref = { venueId, subscriptionId: uuidv7() as SubscriptionId };
  const sealedSecret = new Uint8Array([1]) as SealedSecret;
  const entry = entryOf('subscription.created');
  await subscriptions().create({ ...ref, url: RECEIVER, types: null, description: null, sealedSecret }, entry);
});

const subscriptions = () => createSubscriptionStore(database.db);
const entryOf = (action: string) => ({
  ...{ venueId, actor: 'a', action, targetType: 'subscription', targetId: ref.subscriptionId },
  ...{ outcome: 'ok' as const, requestId: null },
});
const enable = (enabled: boolean) => subscriptions().change(ref, { enabled }, entryOf('subscription.changed'));
const tell = () =>
  withVenue(database.db, venueId, (tx) => announce(tx, { venueId, type: 'sync.finished', data: {} } as never));

/** The receiver answers the first due message; every other stays on its way. */
async function answerOne(status: number) {
  const store = createDeliveryStore(database.db);
  const [due] = await store.takeDue(ref, 1);
  const outcome = { messageId: due!.id, attempts: due!.attempts, status, error: 'status', retryInMs: 300_000 } as const;
  return store.settle(ref, [outcome], { url: RECEIVER, gone: status === 410, restMs: null });
}

const deadLetters = () =>
  database.admin`select code, state from dead_letters where venue_id = ${venueId} order by code, source_key`;
const states = async () =>
  (await database.admin`select state from deliveries where subscription_id = ${ref.subscriptionId}`).map(
    (row) => row['state'] as string,
  );

describe('A message on its way to a subscription that is disabled', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    ['because its receiver is gone', () => answerOne(410), 'status'],
    [
      'because its receiver has accepted nothing for three days',
      async () => {
        await database.admin`update subscriptions set failing_since = now() - ${FOUR_DAYS}::interval`;
        return answerOne(500);
      },
      'status',
    ],
    ['by a person', () => enable(false), 'subscription-disabled'],
  ])('%s is listed as a dead letter, tried or not', async (_why, disable, firstCode) => {
    await tell();
    await tell();
    await disable();
    expect(await states()).toEqual(['failed', 'failed']);
    expect([...(await deadLetters())]).toEqual([
      { code: firstCode, state: 'open' },
      { code: 'subscription-disabled', state: 'open' },
    ]);
  });

  it('has the one entry that it had before, where it was being retried', async () => {
    await tell();
    await enable(false);
    await enable(true);
    const store = createDeadLetterStore(database.db);
    const [letter] = (await store.list(venueId, { filter: {}, page: { limit: 1, after: null } })).data;
    await store.markRetry(venueId, letter!.id, () => entryOf('dead-letter.retried'));
    expect([...(await deadLetters())]).toMatchObject([{ state: 'retrying' }]);
    await enable(false);
    expect([...(await deadLetters())]).toMatchObject([{ state: 'open' }]);
  });
});
