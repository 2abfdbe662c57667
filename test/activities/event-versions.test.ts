import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../db/record-store.ts';
import type { RecordStore } from '../../db/record-store.ts';
import { createTransactionSummaryStore } from '../../db/transaction-summary-store.ts';
import { objectsOf } from '../support/answer-editing-proxy.ts';
import type { ProxiedAnswer } from '../support/answer-editing-proxy.ts';
import type { TestVenue } from '../support/sync-world.ts';
import { createSyncWorld } from '../support/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const TRANSACTIONS = { resource: 'transactions' } as const;

describe('an incremental pull of events of another API version', () => {
  let world: World;
  let venue: TestVenue;
  let transactions: RecordStore<'transactions'>;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
    transactions = createRecordStore(world.database.db, 'transactions');
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  const pull = (mode: 'full' | 'incremental') => world.sync(venue, 'pull', mode, TRANSACTIONS);
  /** What the summary says, by kind. */
  const succeeded = async () => {
    const sums = await createTransactionSummaryStore(world.database.db).summarise(venue.venueId, { from: '2000-01-01', to: '2099-12-31', timeZone: 'UTC', status: 'succeeded' });
    return Object.fromEntries(sums.map(({ kind, amountMinor }) => [kind, Number(amountMinor)]));
  };
  const byId = async (id: string) => (await transactions.list(venue.venueId, { includeDeleted: false }, { limit: 200, after: null })).data.find(({ links }) => links[0]?.externalId === id);

  /** Events as an account of version 2014-12-22 has them: a charge that succeeded is `paid`. */
  const asOf2014 = (answer: ProxiedAnswer): void => {
    if (answer.path !== '/v1/events') return;
    for (const event of objectsOf(answer)) {
      event['api_version'] = '2014-12-22';
      const { object } = event['data'] as { readonly object: Record<string, unknown> };
      if (object['object'] === 'charge' && object['status'] === 'succeeded') object['status'] = 'paid';
    }
  };

  it('keeps a payment that was refunded later `succeeded` and in the summary', async () => {
    world.proxy.edit(asOf2014);
    await world.stripe.clock(-3 * 3_600_000);
    const { latest_charge: charge } = await world.callStripe<{ latest_charge: string }>('POST', 'payment_intents', { amount: '1300', currency: 'usd', payment_method: 'pm_card_visa', confirm: 'true' });
    await world.stripe.clock(0);
    await pull('full');
    expect(await byId(charge)).toMatchObject({ status: 'succeeded', amountMinor: 1_300 });
    await world.callStripe('POST', 'refunds', { charge, amount: '200' });
    await pull('incremental');
    expect(await byId(charge)).toMatchObject({ status: 'succeeded', amountMinor: 1_300 });
    expect(await succeeded()).toEqual({ payment: 1_300, refund: -200 });
  });
});
