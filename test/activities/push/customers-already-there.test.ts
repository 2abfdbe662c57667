import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from './quickbooks-world.ts';

interface Shown extends Readonly<Record<string, unknown>> {
  readonly DisplayName: string;
}

describe('customers who are at QuickBooks already', () => {
  let world: QuickBooksSyncWorld;
  let venue: QuickBooksVenue;
  beforeAll(async () => {
    world = await createQuickBooksSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aQuickBooksVenue();
  });

  const emailOf = (index: number) => `ada-${index}@example.com`;
  const held = (index: number, more: object = {}) => ({
    ...{ DisplayName: `Ada ${index}`, PrimaryEmailAddr: { Address: emailOf(index).toUpperCase() } },
    ...{ PrimaryPhone: { FreeFormNumber: '+4912' }, Notes: 'of the harbour' },
    ...{ BillAddr: { Line1: '1 Quay', City: 'Bonn' }, ...more },
  });
  const add = async (count: number, more?: object) => {
    for (let index = 0; index < count; index += 1) await venue.company.write('customer', held(index, more));
  };
  const load = (count: number, fieldsOf: (index: number) => object) =>
    world.customers.upsertMany(
      venue.venueId,
      Array.from({ length: count }, (_, index) => ({ sourceId: `c-${index}`, ...fieldsOf(index) })) as never,
    );
  const run = (direction: 'push' | 'pull') => world.sync(venue, direction, 'full', { resource: 'customers' });
  const push = () => run('push');
  const shown = () => venue.company.objects<Shown>('Customer');

  it.each([1, 40])(
    'by name and address are tied to them, and nothing of %i is cleared or made twice',
    async (count) => {
      await add(count);
      await load(count, (index) => ({ name: `ada ${index}`, email: emailOf(index) }));
      expect((await push()).counts).toMatchObject({ created: 0, updated: count, rejected: 0 });
      const left = {
        ...{ PrimaryPhone: { FreeFormNumber: '+4912' }, Notes: 'of the harbour' },
        BillAddr: expect.objectContaining({ Line1: '1 Quay', City: 'Bonn' }) as object,
      };
      expect(await shown()).toEqual(
        Array.from(
          { length: count },
          (_, index) => expect.objectContaining({ DisplayName: `ada ${index}`, ...left }) as object,
        ),
      );
      expect((await push()).counts).toMatchObject({ unchanged: count, updated: 0 });
      await load(count, (index) => ({ name: `Grace ${index}`, email: emailOf(index) }));
      expect((await push()).counts).toMatchObject({ updated: count });
      expect((await shown())[0]).toMatchObject({ DisplayName: 'Grace 0', ...left });
    },
  );

  it('tell the venue by a pull what their record leaves empty, which then may clear it', async () => {
    await add(1);
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0) }));
    await push();
    expect((await run('pull')).counts).toMatchObject({ updated: 1, created: 0 });
    expect((await push()).counts).toMatchObject({ unchanged: 1 });
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0), phone: null }));
    expect((await push()).counts).toMatchObject({ updated: 1 });
    const [customer] = await shown();
    expect(customer).not.toHaveProperty('PrimaryPhone');
    expect(customer).toMatchObject({ BillAddr: { Line1: '1 Quay' } });
  });

  it.each<[string, object, object]>([
    ['the name alone', { PrimaryEmailAddr: { Address: 'other@example.com' } }, {}],
    ['the name alone, without an address here', {}, { email: null }],
    ['the name alone, without an address there', { PrimaryEmailAddr: null }, {}],
  ])('by %s are others: the record is rejected', async (_, there, here) => {
    await add(1, there);
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0), phone: '+4913', ...here }));
    const { counts, syncId } = await push();
    expect(counts).toMatchObject({ created: 0, updated: 0, rejected: 1 });
    expect((await world.logOf(venue, syncId)).filter(({ code }) => code === '6240')).toHaveLength(1);
    expect(await shown()).toMatchObject([{ DisplayName: 'Ada 0', PrimaryPhone: { FreeFormNumber: '+4912' } }]);
  });

  it('are those of one record: the second of two alike is rejected', async () => {
    await add(1);
    await load(2, () => ({ name: 'Ada 0', email: emailOf(0), phone: '+4913' }));
    expect((await push()).counts).toMatchObject({ created: 0, updated: 1, rejected: 1 });
    expect((await push()).counts).toMatchObject({ created: 0, updated: 0, unchanged: 1, rejected: 1 });
    expect(await shown()).toHaveLength(1);
  });

  it('and are out of use do not stand in the way', async () => {
    await add(1);
    const [customer] = await shown();
    await venue.company.write('customer', { ...customer, sparse: true, Active: false });
    await load(1, () => ({ name: 'Ada 0', email: emailOf(0) }));
    expect((await push()).counts).toMatchObject({ created: 1, rejected: 0 });
  });
});
