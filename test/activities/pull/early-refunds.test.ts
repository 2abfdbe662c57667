import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const TRANSACTIONS = { resource: 'transactions' } as const;

interface Row {
  readonly status: string;
  readonly amount_minor: string;
  readonly posted: boolean;
}
interface Listed {
  readonly data: readonly { readonly data: { readonly object: Record<string, unknown> } }[];
}

describe('a Stripe refund whose event does not name its balance transaction yet', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.clearFaults();
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const pull = (mode: 'full' | 'incremental' = 'incremental') => world.sync(venue, 'pull', mode, TRANSACTIONS);
  const refunds = async () => [
    ...(await world.database.admin<Row[]>`
      select status, amount_minor, posted from transactions
      where venue_id = ${venue.venueId} and kind = 'refund' and deleted_at is null`),
  ];
  const pay = (card: string) =>
    world.callStripe('POST', 'payment_intents', {
      ...{ amount: '4000', currency: 'eur', payment_method: card, confirm: 'true' },
    });
  const refund = ({ id }: { readonly id: string }) =>
    world.callStripe('POST', 'refunds', { payment_intent: id, amount: '50' });
  /** Events of refunds as they are made before the balance transaction is. */
  const tellTooEarly = () => {
    world.proxy.edit((answer) => {
      if (answer.path !== '/v1/events') return;
      for (const { data } of (answer.body as Listed).data)
        if (data.object['object'] === 'refund') data.object['balance_transaction'] = null;
    });
  };

  it.each(['events', 'balance_transactions'])('is stored once it is posted, also when %s come last', async (last) => {
    await pull('full');
    await refund(await pay('pm_card_visa'));
    tellTooEarly();
    await world.stripe.fault({ match: { path: `/v1/${last}` }, kind: 'slow', delayMs: 700, times: 5 });
    for (const mode of ['incremental', 'incremental', 'full'] as const) {
      await pull(mode);
      expect(await refunds()).toEqual([{ status: 'succeeded', amount_minor: '-50', posted: true }]);
    }
  });

  it('stays as it was, and is posted by the next pull that reads its balance transaction', async () => {
    const intent = await pay('pm_card_pendingRefund');
    await pull('full');
    const { id } = await refund(intent);
    await pull();
    expect(await refunds()).toMatchObject([{ status: 'pending' }]);
    await world.callStripe('POST', `refunds/${id}`, { 'metadata[note]': 'x' });
    // It has succeeded, and its balance transaction is to be read nowhere yet.
    world.proxy.edit((answer) => {
      const early = (found: unknown): void => {
        if (typeof found !== 'object' || found === null) return;
        const object = found as Record<string, unknown>;
        if (object['object'] === 'refund') Object.assign(object, { status: 'succeeded', balance_transaction: null });
        else Object.values(object).forEach(early);
      };
      early(answer.body);
      if (answer.path === '/v1/balance_transactions') answer.body = { ...(answer.body as object), data: [] };
    });
    await pull();
    expect(await refunds()).toHaveLength(1);
    world.proxy.edit(null);
    await pull('full');
    expect(await refunds()).toMatchObject([{ amount_minor: '-50', posted: true }]);
  });
});
