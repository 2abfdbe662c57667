import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createVenueStore } from '../../../db/core/venue-store.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { invoices } from '../../../records/invoices.ts';
import { products } from '../../../records/products.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';

describe('invoices of a venue that changes its time zone', () => {
  let world: QuickBooksSyncWorld;
  let venue: QuickBooksVenue;
  beforeAll(async () => {
    world = await createQuickBooksSyncWorld();
  });
  afterAll(() => world.close());

  const storeOf = (kind: typeof invoices | typeof customers | typeof products) =>
    createRecordStores(world.database.db, RECORD_KINDS).of(kind);
  const moveTo = (timeZone: string) => createVenueStore(world.database.db).update(venue.venueId, { timeZone });
  const load = (sourceId: string, given: object = {}) =>
    storeOf(invoices).upsertMany(venue.venueId, [
      {
        ...{
          sourceId,
          number: `N-${sourceId}`,
          status: 'open',
          currency: 'GBP',
          customerSourceId: 'ada',
          metadata: {},
        },
        // November has begun in Berlin, and has not in New York.
        ...{ issuedAt: '2026-10-31T23:30:00.000Z', dueAt: '2026-11-30T23:30:00.000Z' },
        ...{ subtotalMinor: 450, taxMinor: 0, totalMinor: 450, amountDueMinor: 450 },
        lines: [
          {
            ...{ description: 'A box', quantity: '1', unitAmount: '4.5', amountMinor: 450, taxMinor: 0 },
            productSourceId: 'chai',
          },
        ],
        ...given,
      },
    ]);
  const push = () => world.sync(venue, 'push', 'full', { resource: 'invoices' });
  const days = async (): Promise<Readonly<Record<string, readonly unknown[]>>> =>
    Object.fromEntries(
      (await venue.company.objects('Invoice')).map((one) => [
        String(one['DocNumber']),
        [one['TxnDate'], one['DueDate']] as const,
      ]),
    );
  const BERLIN = ['2026-11-01', '2026-12-01'];
  const NEW_YORK = ['2026-10-31', '2026-11-30'];

  beforeEach(async () => {
    venue = await world.aQuickBooksVenue();
    await moveTo('Europe/Berlin');
    await storeOf(customers).upsertMany(venue.venueId, [{ sourceId: 'ada', ...plainRecord(customers, 'Ada') }]);
    const product = { ...plainRecord(products, 'Chai'), name: 'Chai', amountMinor: 450, currency: 'GBP' };
    await storeOf(products).upsertMany(venue.venueId, [{ sourceId: 'chai', ...product }]);
    for (const resource of ['customers', 'products']) await world.sync(venue, 'push', 'full', { resource });
    await load('one');
    await push();
    expect(await days()).toEqual({ 'N-one': BERLIN });
  });

  it('keep the dates that they bear, without a write', async () => {
    await moveTo('America/New_York');
    expect((await push()).counts).toMatchObject({ updated: 0, unchanged: 1, rejected: 0 });
    expect(await days()).toEqual({ 'N-one': BERLIN });
  });

  it('keep them through a change of something else, in both directions and after a second move', async () => {
    await moveTo('America/New_York');
    await moveTo('Pacific/Auckland');
    await load('one', { number: 'N-other' });
    expect((await push()).counts).toMatchObject({ updated: 1, rejected: 0 });
    for (const mode of ['full', 'incremental'] as const)
      await world.sync(venue, 'both', mode, { resource: 'invoices' });
    expect(await days()).toEqual({ 'N-other': BERLIN });
  });

  it('are dated in the new zone where they were not written before', async () => {
    await load('two');
    await moveTo('America/New_York');
    await push();
    expect(await days()).toEqual({ 'N-one': BERLIN, 'N-two': NEW_YORK });
  });

  it('forget no zone for one that is set again, and at most twenty', async () => {
    const kept = async () =>
      (
        await world.database.admin<{ earlier_time_zones: { timeZone: string }[] }[]>`
          select earlier_time_zones from venues where id = ${venue.venueId}`
      )[0]?.earlier_time_zones.map(({ timeZone }) => timeZone);
    const before = await kept();
    await moveTo('Europe/Berlin');
    expect(await kept()).toEqual(before);
    for (let move = 0; move < 12; move += 1) for (const zone of ['UTC', 'Europe/Berlin']) await moveTo(zone);
    expect(await kept()).toHaveLength(20);
  });
});
