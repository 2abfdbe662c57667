import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordFilter } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { invoices } from '../../../records/invoices.ts';
import { listRecords } from '../../support/list-records.ts';

const INVOICES = { resource: 'invoices' } as const;

describe('a pull of invoices', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const ask = (path: string, form: Readonly<Record<string, string>> = {}) => world.callStripe('POST', path, form);
  const pull = (mode: 'full' | 'incremental' = 'full', of = venue) => world.sync(of, 'pull', mode, INVOICES);
  const held = async (filter: Partial<RecordFilter> = {}, of = venue) =>
    (
      await listRecords(createRecordStore(world.database.db, invoices), of.venueId, {
        filter: { includeDeleted: true, ...filter },
        page: { limit: 200, after: null },
      })
    ).data;

  async function anInvoice(amount: string, customer: string) {
    await ask('invoiceitems', { customer, amount, currency: 'usd' });
    return ask('invoices', { customer, pending_invoice_items_behavior: 'include' });
  }

  it('stores each once, follows its changes, and deletes a deleted draft', async () => {
    const { id: customer } = await ask('customers', { name: 'Ada' });
    const [paid, draft] = [await anInvoice('500', customer), await anInvoice('700', customer)];
    expect((await pull()).counts).toMatchObject({ created: 2, rejected: 0 });
    await ask(`invoices/${paid.id}/pay`, { payment_method: 'pm_card_visa' });
    await world.callStripe('DELETE', `invoices/${draft.id}`);
    expect((await pull('incremental')).counts).toMatchObject({ updated: 1, archived: 1 });
    expect(
      (await held())
        .map(({ status, totalMinor, amountDueMinor, deletedAt }) => [
          status,
          totalMinor,
          amountDueMinor,
          deletedAt !== null,
        ])
        .sort(),
    ).toEqual([
      ['draft', 700, 700, true],
      ['paid', 500, 0, false],
    ]);
    for (const mode of ['full', 'incremental'] as const)
      expect((await pull(mode)).counts).toMatchObject({ created: 0, updated: 0, archived: 0, conflicts: 0 });
  });

  it.each(['customers first', 'invoices first'] as const)(
    'links them to their customers in any order (%s), and never to another venue’s',
    async (order) => {
      const { id: customer } = await ask('customers', { name: 'Ada' });
      await anInvoice('500', customer);
      const other = await world.aVenue();
      if (order === 'customers first') await world.sync(venue, 'pull');
      await pull();
      await pull('full', other);
      if (order === 'invoices first') await world.sync(venue, 'pull');
      expect(await held()).toMatchObject([{ customerSourceId: world.pulledId(venue, customer) }]);
      expect(await held({}, other)).toMatchObject([{ customerSourceId: null }]);
      expect((await pull()).counts).toMatchObject({ updated: 0, conflicts: 0 });
      expect(await held({ customerSourceId: world.pulledId(venue, customer) })).toHaveLength(1);
      expect(await held({ customerSourceId: 'nobody' })).toEqual([]);
    },
  );

  it('keeps the metadata that a venue adds, and follows what Stripe has told', async () => {
    const store = createRecordStore(world.database.db, invoices);
    const { id: customer } = await ask('customers', { name: 'Ada' });
    const { id } = await anInvoice('500', customer);
    await ask(`invoices/${id}`, { 'metadata[project]': 'Engine', 'metadata[phase]': '1' });
    await pull();
    const [pulled] = await held();
    const { sourceId } = pulled!;
    const fields = Object.entries(pulled!).filter(([name]) => name in invoices.fields);
    const metadata = { ...pulled!.metadata, costCentre: '42', phase: 'ours' };
    await store.upsertMany(venue.venueId, [{ ...Object.fromEntries(fields), sourceId, metadata }]);
    await ask(`invoices/${id}`, { 'metadata[project]': '', 'metadata[phase]': '2' });
    await pull('incremental');
    expect(await held()).toMatchObject([{ sourceId }]);
    expect((await held())[0]?.metadata).toEqual({ costCentre: '42', phase: '2' });
    // What Stripe tells anew under a key of the venue's is Stripe's from then on.
    await ask(`invoices/${id}`, { 'metadata[costCentre]': '43' });
    await pull('incremental');
    await ask(`invoices/${id}`, { 'metadata[costCentre]': '' });
    await pull('incremental');
    expect((await held())[0]?.metadata).toEqual({ phase: '2' });
  });

  it('makes them searchable by number, status, issue and due date', async () => {
    const DAY_S = 86_400;
    const nowS = Math.floor(Date.now() / 1_000);
    await world.stripe.seed({
      resource: 'invoices',
      records: [
        {
          number: 'A-1',
          status: 'open',
          created: nowS - 5 * DAY_S,
          due_date: nowS + 5 * DAY_S,
          lines: [{ amount: 100 }],
        },
        { number: 'A-2', status: 'paid', created: nowS - 2 * DAY_S, lines: [{ amount: 200 }] },
        { number: null, status: 'draft', created: nowS - DAY_S },
      ],
    });
    await pull();
    const numbers = async (filter: Partial<RecordFilter>) => (await held(filter)).map(({ number }) => number).sort();
    const at = (days: number) => new Date((nowS + days * DAY_S) * 1_000);
    expect(await numbers({ number: 'A-1' })).toEqual(['A-1']);
    expect(await numbers({ status: 'paid' })).toEqual(['A-2']);
    expect(await numbers({ issuedFrom: at(-3) })).toEqual(['A-2']);
    expect(await numbers({ issuedTo: at(-3) })).toEqual(['A-1']);
    expect(await numbers({ dueFrom: at(4), dueTo: at(6) })).toEqual(['A-1']);
    expect(await numbers({ dueTo: at(5) })).toEqual([]);
  });
});
