import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { transactions as transactionKind } from '../../../records/transactions.ts';
import type { TransactionFields } from '../../../records/transactions.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const TRANSACTIONS = { resource: 'transactions' } as const;

describe('a pull of transactions', () => {
  let world: World;
  let venue: TestVenue;
  let transactions: RecordStore<TransactionFields>;

  beforeAll(async () => {
    world = await createSyncWorld();
    transactions = createRecordStore(world.database.db, transactionKind);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const held = async (of = venue) =>
    (
      await listRecords(transactions, of.venueId, {
        filter: { includeDeleted: true },
        page: { limit: 200, after: null },
      })
    ).data;
  const byId = async (id: string, of = venue) => (await held(of)).find(({ links }) => links[0]?.externalId === id);
  const seed = async (resource: string, ...records: readonly object[]) =>
    ((await world.stripe.seed({ resource, records })) as { readonly ids: readonly string[] }).ids;
  const pull = (mode: 'full' | 'incremental' = 'full', of = venue) => world.sync(of, 'pull', mode, TRANSACTIONS);
  const pullCustomers = () => world.sync(venue, 'pull');

  async function aLedger() {
    const [ada, bob] = await seed('customers', { id: 'cus_ada', name: 'Ada' }, { id: 'cus_bob', name: 'Bob' });
    await seed(
      'charges',
      { id: 'ch_1', amount: 10_000, customer: ada, payment_intent: true, metadata: { order: '7' } },
      { id: 'ch_2', amount: 5_000, customer: bob },
      { id: 'ch_3', amount: 700, status: 'failed', card: 'chargeDeclinedInsufficientFunds' },
    );
    await seed('refunds', { id: 're_1', charge: 'ch_1', amount: 2_500 });
    await seed('disputes', { id: 'dp_2', charge: 'ch_2', amount: 5_000, status: 'won' });
  }

  it('stores payments, refunds, disputes and adjustments once each, and changes nothing the next time', async () => {
    await aLedger();
    expect((await pull()).counts).toMatchObject({ rejected: 0, archived: 0, conflicts: 0 });
    expect((await held()).map(({ kind, status, amountMinor }) => `${kind} ${status} ${amountMinor}`).sort()).toEqual(
      [
        'adjustment succeeded 5000',
        'dispute won -5000',
        'payment failed 700',
        'payment succeeded 10000',
        'payment succeeded 5000',
        'refund succeeded -2500',
      ].sort(),
    );
    const before = (await held()).map(({ links: _links, ...record }) => record);
    for (const mode of ['full', 'incremental'] as const)
      expect((await pull(mode)).counts).toMatchObject({ created: 0, updated: 0, archived: 0, conflicts: 0 });
    expect((await held()).map(({ links: _links, ...record }) => record)).toEqual(before);
  });

  it.each(['customers first', 'transactions first'] as const)(
    'links them to their customers and payments in any order (%s)',
    async (order) => {
      await aLedger();
      if (order === 'customers first') await pullCustomers();
      await pull();
      if (order === 'transactions first') await pullCustomers();
      const payment = await byId('ch_1');
      expect(payment).toMatchObject({ customerSourceId: world.pulledId(venue, 'cus_ada'), metadata: { order: '7' } });
      expect(await byId('ch_2')).toMatchObject({ customerSourceId: world.pulledId(venue, 'cus_bob') });
      expect(await byId('re_1')).toMatchObject({ relatedTransactionId: payment!.id });
      expect(await byId('dp_2')).toMatchObject({ relatedTransactionId: (await byId('ch_2'))!.id });
      expect((await pull()).counts).toMatchObject({ created: 0, updated: 0, conflicts: 0 });
      expect(await byId('ch_1')).toMatchObject({ customerSourceId: world.pulledId(venue, 'cus_ada') });
    },
  );

  it('does not mistake its own change for one of the venue’s', async () => {
    await aLedger();
    await pull();
    // Linking it afterwards is a change by ourselves.
    await pullCustomers();
    expect(await byId('ch_1')).toMatchObject({ customerSourceId: world.pulledId(venue, 'cus_ada') });
    await world.callStripe('POST', 'charges/ch_1', { 'metadata[order]': '8' });
    // A reading counts as just before the second in which it was taken.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const run = await pull();
    expect(run.counts).toMatchObject({ updated: 1, conflicts: 0 });
    expect(await world.logOf(venue, run.syncId)).toEqual([]);
    expect(await byId('ch_1')).toMatchObject({
      metadata: { order: '8' },
      customerSourceId: world.pulledId(venue, 'cus_ada'),
    });
  });

  it('never removes a known fee', async () => {
    await aLedger();
    await pull();
    const { feeMinor } = (await byId('ch_1'))!;
    expect(feeMinor).toBeGreaterThan(0);
    await world.callStripe('POST', 'charges/ch_1', { 'metadata[order]': '8' });
    await pull('incremental');
    await pull();
    expect(await byId('ch_1')).toMatchObject({ feeMinor });
  });

  it.each([
    ['balance_transactions', 'the fee'],
    ['events', 'the change'],
  ])('misses no fee in any order of the lists: %s, with %s', async (list) => {
    await aLedger();
    await pull();
    // Every event of the last seconds counts as newer than any reading.
    await world.stripe.clock(20_000);
    const intent = await world.callStripe('POST', 'payment_intents', {
      amount: '4000',
      currency: 'eur',
      payment_method: 'pm_card_visa',
      confirm: 'true',
    });
    await world.callStripe('POST', 'refunds', { payment_intent: intent.id, amount: '50' });
    await world.stripe.fault({ match: { path: `/v1/${list}` }, kind: 'slow', delayMs: 700, times: 5 });
    await pull('incremental');
    const parts = (await held()).filter(({ metadata }) => metadata['stripe_payment_intent'] === intent.id);
    expect(parts.find(({ kind }) => kind === 'payment')?.feeMinor).toBeGreaterThan(0);
    expect(parts.find(({ kind }) => kind === 'refund')?.feeMinor).toBe(0);
    const before = (await held()).map(({ links: _links, ...record }) => record);
    await world.stripe.clearFaults();
    for (const mode of ['incremental', 'full'] as const)
      expect((await pull(mode)).counts).toMatchObject({ created: 0, conflicts: 0 });
    expect((await held()).map(({ links: _links, ...record }) => record)).toEqual(before);
    await world.stripe.clock(0);
  });

  it('infers no deletion from a listing, because money does not vanish', async () => {
    await aLedger();
    await pull();
    await world.stripe.reset();
    expect((await pull()).counts).toMatchObject({ archived: 0 });
    expect((await held()).filter(({ deletedAt }) => deletedAt !== null)).toEqual([]);
  });

  it('stores each once after an interruption between its lists', async () => {
    await aLedger();
    const input = await world.open(venue, 'pull', 'full', TRANSACTIONS);
    await world.begin(input);
    await world.stripe.fault({ match: { path: '/v1/refunds' }, kind: 'reset', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    while ((await world.chunk(input)).status === 'more');
    expect((await world.finish(input)).counts).toMatchObject({ created: 6, conflicts: 0 });
    expect(await byId('re_1')).toMatchObject({ relatedTransactionId: (await byId('ch_1'))!.id });
  });

  it('plans in a dry run what it then does, and leaves no trace of the plan', async () => {
    await aLedger();
    const { syncId: planId, counts } = await world.sync(venue, 'pull', 'full', { ...TRANSACTIONS, dryRun: true });
    expect(counts).toMatchObject({ created: 6 });
    expect(await held()).toEqual([]);
    const run = await world.sync(venue, 'pull', 'full', { ...TRANSACTIONS, planId });
    expect(run.counts).toMatchObject({ created: 6 });
    expect(await world.runs.find(venue.venueId, run.syncId)).toMatchObject({ deviationCount: 0 });
  });

  it('links nothing to another venue’s customers, although the remote records are the same', async () => {
    await aLedger();
    const other = await world.aVenue();
    await pullCustomers();
    await pull('full', other);
    expect(await byId('ch_1', other)).toMatchObject({ customerSourceId: null });
    await pull();
    expect(await byId('ch_1')).toMatchObject({ customerSourceId: world.pulledId(venue, 'cus_ada') });
    expect(await byId('ch_1', other)).toMatchObject({ customerSourceId: null });
    expect(await byId('re_1', other)).toMatchObject({ relatedTransactionId: (await byId('ch_1', other))!.id });
  });
});
