import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import { listRecords } from '../../support/list-records.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly created: number;
}

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let venue: TestVenue;
let offsetMs = 0;

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.stripe.reset();
  // Stripe's clock is behind ours, so that a change there seems to be older than what we stored just before it.
  await world.stripe.clock((offsetMs = -10_000));
  venue = await world.aVenue();
  await world.sync(venue, 'pull');
});

const later = () => world.stripe.clock((offsetMs += 2_000));
const change = (id: string, name: string) => world.callStripe('POST', `customers/${id}`, { name });
const told = async (type: string): Promise<StripeEvent> =>
  (await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', `events?type=${type}&limit=1`)).data[0]!;
const post = async (event: object): Promise<void> =>
  inbox.post('stripe', { ...event, account: await inbox.accountOf(venue) });
/** In a version that is not trusted, so that its customer is read. */
const inOldVersion = (event: StripeEvent) => ({ ...event, id: `${event.id}_old`, api_version: '2014-12-22' });
const records = async () =>
  (
    await listRecords(world.customers, venue.venueId, {
      filter: { includeDeleted: true },
      page: { limit: 5, after: null },
    })
  ).data;
/** A customer of whom an event is retried, which reads the customer again. Resolves with the customer and that event. */
async function aRetriedReading({ isKnown }: { readonly isKnown: boolean }) {
  const { id } = await world.callStripe('POST', 'customers', { name: 'Ada' });
  const created = await told('customer.created');
  if (isKnown) await post(created);
  await inbox.drain();
  await later();
  await change(id, 'Ada King');
  const match = { method: 'GET', path: `/v1/customers/${id}` };
  await world.stripe.fault({ match, kind: 'status', status: 500, times: 5 });
  await post(inOldVersion(await told('customer.updated')));
  await inbox.drain();
  await world.stripe.clearFaults();
  expect((await records()).map(({ name }) => name)).toEqual(isKnown ? ['Ada'] : []);
  const failing = (await inbox.events(venue)).find(({ state }) => state === 'retrying');
  return { id, created, failing: failing!.id };
}

/** Handles `event` while the transaction that stores the reading is open, so that it waits for that one's commit. */
async function handleBeside(failing: string, event: () => Promise<object>): Promise<void> {
  let transactions = 0;
  const draining: Promise<number>[] = [];
  await inbox.process(failing, async () => {
    transactions += 1;
    // The first one marks what needs no reading.
    if (transactions !== 2) return;
    await post(await event());
    draining.push(inbox.drain());
    await until(() => world.database.someoneWaits(), { limitMs: 20_000, what: 'the event waits for the reading' });
  });
  expect(await Promise.all(draining)).toEqual([1]);
}

describe('two writers that meet at a record', () => {
  it('delete it when its object is deleted, and take the version that was just stored for no change by the venue', async () => {
    const { id, failing } = await aRetriedReading({ isKnown: true });
    await handleBeside(failing, async () => {
      await world.callStripe('DELETE', `customers/${id}`);
      return inOldVersion(await told('customer.deleted'));
    });
    const [record] = await records();
    expect(record).toMatchObject({ name: 'Ada King' });
    expect(record!.deletedAt).not.toBeNull();
  });

  it('leave the newer version, whichever of them comes first', async () => {
    const { id, failing } = await aRetriedReading({ isKnown: true });
    const older = await told('customer.updated');
    await later();
    await change(id, 'Ada Lovelace');
    await later();
    await handleBeside(failing, () => Promise.resolve(older));
    expect(await records()).toMatchObject([{ name: 'Ada Lovelace', deletedAt: null }]);
  });

  it('leave the newer version also where both create the record', async () => {
    const { created, failing } = await aRetriedReading({ isKnown: false });
    await handleBeside(failing, () => Promise.resolve(created));
    expect(await records()).toMatchObject([{ name: 'Ada King', deletedAt: null }]);
  });
});
