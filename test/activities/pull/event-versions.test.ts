import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { createTransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { ProxiedAnswer } from '../../support/sandbox/answer-editing-proxy.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { transactions as transactionKind } from '../../../records/transactions.ts';
import type { TransactionFields } from '../../../records/transactions.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const TRANSACTIONS = { resource: 'transactions' } as const;

describe('an incremental pull of events of another API version', () => {
  let world: World;
  let venue: TestVenue;
  let transactions: RecordStore<TransactionFields>;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
    transactions = createRecordStore(world.database.db, transactionKind);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  const pull = (mode: 'full' | 'incremental') => world.sync(venue, 'pull', mode, TRANSACTIONS);
  /** The sum of succeeded payments in the summary. */
  const succeeded = async () => {
    const sums = await createTransactionSummaryStore(world.database.db).summarise(venue.venueId, {
      from: '2000-01-01',
      to: '2099-12-31',
      timeZone: 'UTC',
      status: 'succeeded',
    });
    return Object.fromEntries(sums.map(({ kind, amountMinor }) => [kind, Number(amountMinor)]));
  };
  const byId = async (id: string) =>
    (
      await listRecords(transactions, venue.venueId, {
        filter: { includeDeleted: false },
        page: { limit: 200, after: null },
      })
    ).data.find(({ links }) => links[0]?.externalId === id);

  /** Rewrites events to API version 2014-12-22, in which a succeeded charge is `paid`. */
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
    const { latest_charge: charge } = await world.callStripe<{ latest_charge: string }>('POST', 'payment_intents', {
      amount: '1300',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
    });
    await world.stripe.clock(0);
    await pull('full');
    expect(await byId(charge)).toMatchObject({ status: 'succeeded', amountMinor: 1_300 });
    await world.callStripe('POST', 'refunds', { charge, amount: '200' });
    await pull('incremental');
    expect(await byId(charge)).toMatchObject({ status: 'succeeded', amountMinor: 1_300 });
    expect(await succeeded()).toEqual({ payment: 1_300, refund: -200 });
  });

  it('keeps payments, refunds and customers of an account with an old version intact, without a proxy', async () => {
    await fetch(`${world.sandbox.controlUrl}/api-version`, {
      method: 'POST',
      body: JSON.stringify({ apiVersion: '2014-12-22' }),
    });
    await pull('full');
    await world.sync(venue, 'pull', 'full');
    const { id: customer } = await world.callStripe('POST', 'customers', { name: 'Ada' });
    const { latest_charge: charge } = await world.callStripe<{ latest_charge: string }>('POST', 'payment_intents', {
      amount: '1300',
      currency: 'usd',
      customer,
      payment_method: 'pm_card_visa',
      confirm: 'true',
    });
    await world.callStripe('POST', 'refunds', { charge, amount: '200' });
    expect(await pull('incremental')).toMatchObject({ outcome: 'completed', counts: { rejected: 0 } });
    expect(await world.sync(venue, 'pull', 'incremental')).toMatchObject({
      outcome: 'completed',
      counts: { created: 1, rejected: 0 },
    });
    expect(await byId(charge)).toMatchObject({ status: 'succeeded', amountMinor: 1_300 });
    expect(await succeeded()).toEqual({ payment: 1_300, refund: -200 });
  });

  it('names a payment with an unknown status, keeps its stored version, and continues with the others', async () => {
    const pay = () =>
      world.callStripe<{ latest_charge: string }>('POST', 'payment_intents', {
        amount: '1300',
        currency: 'usd',
        payment_method: 'pm_card_visa',
        confirm: 'true',
      });
    const { latest_charge: odd } = await pay();
    await pull('full');
    const { latest_charge: other } = await pay();
    await world.callStripe('POST', `charges/${odd}`, { 'metadata[order]': '7' });
    world.proxy.edit((answer) => {
      const visit = (value: unknown): void => {
        if (typeof value !== 'object' || value === null) return;
        if ((value as { readonly id?: string }).id === odd) (value as { status?: string }).status = 'frozen';
        Object.values(value).forEach(visit);
      };
      visit(answer.body);
    });
    for (const mode of ['incremental', 'full'] as const) {
      const run = await pull(mode);
      expect(run.outcome).toBe('completed-with-rejections');
      const rejected = (await world.logOf(venue, run.syncId)).filter(({ action }) => action === 'rejected');
      expect(rejected.find(({ externalId }) => externalId === odd)).toMatchObject({
        code: 'unreadable',
        message: expect.stringContaining('status: ') as string,
      });
      expect(await byId(odd)).toMatchObject({
        status: 'succeeded',
        metadata: expect.not.objectContaining({ order: '7' }) as object,
      });
      expect(await byId(other)).toMatchObject({ status: 'succeeded' });
    }
  });
});
