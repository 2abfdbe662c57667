import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Direction, Resource } from '../../../contracts/providers.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import type { RecordStores } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { invoices } from '../../../records/invoices.ts';
import { products } from '../../../records/products.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import type { QuickBooksSyncWorld, QuickBooksVenue } from '../push/quickbooks-world.ts';

describe('invoices that a venue and a QuickBooks company share', () => {
  let world: QuickBooksSyncWorld;
  let stores: RecordStores;
  let venue: QuickBooksVenue;
  beforeAll(async () => {
    world = await createQuickBooksSyncWorld();
    stores = createRecordStores(world.database.db, RECORD_KINDS);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aQuickBooksVenue();
    await stores.of(customers).upsertMany(venue.venueId, [{ sourceId: 'ada', ...plainRecord(customers, 'Ada') }]);
    for (const sourceId of ['chai', 'mint']) {
      const product = { ...plainRecord(products, sourceId), name: sourceId, amountMinor: 450, currency: 'GBP' };
      await stores.of(products).upsertMany(venue.venueId, [{ sourceId, ...product }]);
    }
  });

  const sync = (resource: Resource, direction: Direction = 'both', mode: 'full' | 'incremental' = 'full') =>
    world.sync(venue, direction, mode, { resource });
  const aLine = (productSourceId: string | null, pieces = 1) => ({
    ...{ description: 'A box', quantity: String(pieces), unitAmount: '4.5', amountMinor: 450 * pieces },
    ...{ taxMinor: null, productSourceId },
  });
  const load = (sourceId: string, given: object = {}) =>
    stores.of(invoices).upsertMany(venue.venueId, [
      {
        ...{ sourceId, number: `N-${sourceId}`, status: 'open', currency: 'GBP', customerSourceId: 'ada' },
        ...{ issuedAt: '2026-11-02T00:00:00.000Z', dueAt: '2026-12-02T00:00:00.000Z' },
        ...{ subtotalMinor: 450, taxMinor: 0, totalMinor: 450, amountDueMinor: 450, metadata: {} },
        ...{ lines: [aLine('chai')], ...given },
      },
    ]);
  interface Held {
    readonly number: string;
    readonly status: string;
    readonly total_minor: string;
    readonly lines: readonly { readonly productSourceId: string | null }[];
  }
  const held = async (sourceId: string) =>
    (
      await world.database.admin<Held[]>`
      select number, status, total_minor, lines from invoices where venue_id = ${venue.venueId} and source_id = ${sourceId}`
    )[0];
  const booked = () => venue.company.objects<Readonly<Record<string, unknown>>>('Invoice');
  const writes = async () => (await venue.company.calls()).filter(({ written }) => written).length;
  const rejections = async (syncId: string) =>
    (await world.logOf(venue, syncId as never)).filter(({ action }) => action === 'rejected');

  it('wait, with the reason, for the customer and the products that they name, and are written once those are there', async () => {
    await load('one', { lines: [aLine('mint'), aLine('chai', 2)] });
    const first = await sync('invoices');
    expect(first).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 0, rejected: 1 } });
    const [told] = await rejections(first.syncId);
    expect(told?.code).toBe('not-mappable');
    for (const path of ['customerSourceId', 'lines.0.productSourceId', 'lines.1.productSourceId'])
      expect(told?.message).toContain(`${path}: QuickBooks does not have this`);
    expect(await booked()).toEqual([]);

    await sync('customers');
    await sync('products');
    expect((await sync('invoices', 'both', 'incremental')).counts).toMatchObject({ created: 1, rejected: 0 });
    const items = await venue.company.objects<{ readonly Id: string; readonly Name: string }>('Item');
    const idOf = (name: string) => items.find(({ Name }) => Name === name)?.Id;
    const [invoice] = await booked();
    expect(invoice).toMatchObject({
      ...{ DocNumber: 'N-one', TotalAmt: 13.5, CustomerRef: { name: 'Ada' } },
      Line: [
        { SalesItemLineDetail: { ItemRef: { value: idOf('mint') } } },
        { Amount: 9, SalesItemLineDetail: { ItemRef: { value: idOf('chai') }, Qty: 2 } },
        { DetailType: 'SubTotalLineDetail' },
      ],
    });
  });

  describe('whose customer and products are there', () => {
    beforeEach(async () => {
      await sync('customers');
      await sync('products');
    });
    const settles = async () => {
      const before = await writes();
      for (const mode of ['incremental', 'full'] as const)
        expect((await sync('invoices', 'both', mode)).counts).toMatchObject({ created: 0, updated: 0, rejected: 0 });
      expect(await writes()).toBe(before);
    };

    it('bring back the number that the company gives and the sums that it computes, without a write', async () => {
      await load('one', { number: null, totalMinor: 1, amountDueMinor: 1, subtotalMinor: null, taxMinor: null });
      await sync('invoices');
      const before = await writes();
      expect((await sync('invoices', 'both', 'incremental')).counts).toMatchObject({ updated: 1, conflicts: 0 });
      expect(await writes()).toBe(before);
      expect(await held('one')).toMatchObject({ number: '1001', total_minor: '450' });
      await settles();
    });

    it('are told of a payment, which leaves lines and number alone', async () => {
      await load('one');
      await sync('invoices');
      const [{ Id } = { Id: '' }] = await booked();
      await world.quickbooks.clock(5_000);
      await venue.company.write('payment', {
        ...{ CustomerRef: { value: '1' }, TotalAmt: 4.5 },
        Line: [{ Amount: 4.5, LinkedTxn: [{ TxnId: Id, TxnType: 'Invoice' }] }],
      });
      expect((await sync('invoices', 'both', 'incremental')).counts).toMatchObject({ updated: 1, conflicts: 0 });
      expect(await held('one')).toMatchObject({
        status: 'paid',
        number: 'N-one',
        lines: [{ productSourceId: 'chai' }],
      });
      await settles();
    });

    it('carry a line that the venue adds and one that the company adds, each to the other side', async () => {
      await load('one');
      await sync('invoices');
      await load('one', { lines: [aLine('chai'), aLine('mint', 2)] });
      expect((await sync('invoices', 'both', 'incremental')).counts).toMatchObject({ rejected: 0, conflicts: 0 });
      const [invoice] = await booked();
      expect(invoice).toMatchObject({ TotalAmt: 13.5 });
      const lines = invoice?.['Line'] as readonly Readonly<Record<string, unknown>>[];
      await world.quickbooks.clock(10_000);
      await venue.company.write('invoice', {
        ...{ Id: invoice?.['Id'], SyncToken: invoice?.['SyncToken'], sparse: true },
        Line: lines.toSpliced(1, 0, { ...lines[0], Id: undefined }),
      });
      await sync('invoices', 'both', 'incremental');
      expect((await held('one'))?.lines.map(({ productSourceId }) => productSourceId)).toEqual([
        'chai',
        'chai',
        'mint',
      ]);
      await settles();
    });

    it('name products of their own where QuickBooks’ are not pulled yet, and keep them when those come', async () => {
      const [id = ''] = await venue.company.seed('Item', 1);
      await venue.company.write('invoice', {
        ...{ CustomerRef: { value: '1' }, TxnDate: '2026-11-02' },
        Line: [{ Amount: 5, DetailType: 'SalesItemLineDetail', SalesItemLineDetail: { ItemRef: { value: id } } }],
      });
      await sync('invoices');
      const [record] = await world.database.admin<{ source_id: string }[]>`
        select source_id from invoices where venue_id = ${venue.venueId}`;
      const named = world.pulledId(venue, id);
      expect((await held(record?.source_id ?? ''))?.lines).toMatchObject([{ productSourceId: named }]);
      await settles();
      await sync('products');
      await settles();
      expect((await held(record?.source_id ?? ''))?.lines).toMatchObject([{ productSourceId: named }]);
    });

    it('are rejected one by one: a number that is taken, and an amount that QuickBooks computes otherwise', async () => {
      await load('one');
      await load('two', { number: 'N-one' });
      await load('three', { lines: [{ ...aLine('chai'), amountMinor: 451 }] });
      await load('four');
      const run = await sync('invoices', 'push');
      expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 2, rejected: 2 } });
      const told = (await rejections(run.syncId)).map(({ sourceId, code }) => [sourceId, code]).sort();
      expect(told).toEqual([
        ['three', '6070'],
        ['two', '6140'],
      ]);
      expect((await rejections(run.syncId)).every(({ message }) => message?.includes('N-one') === false)).toBe(true);
    });

    it('are written by batches of 30', async () => {
      for (let n = 0; n < 65; n += 1) await load(`i-${n}`);
      const calls = async () => (await venue.company.calls()).filter(({ path }) => path.endsWith('/batch')).length;
      const before = await calls();
      expect((await sync('invoices', 'push')).counts).toMatchObject({ created: 65, rejected: 0 });
      expect((await calls()) - before).toBe(3);
      expect((await sync('invoices', 'push')).counts).toMatchObject({ created: 0, updated: 0, unchanged: 65 });
    });

    /** A push whose first batch is answered by nobody, and which goes on hours later, when neither side knows its key. */
    const pushAcrossALostAnswer = async (kind: 'commit-then-fail' | 'status') => {
      await world.quickbooks.fault({
        ...{ kind, times: 1, ...(kind === 'status' && { status: 503 }) },
        match: { method: 'POST', path: '/v3/company/\\d+/batch', account: venue.company.id },
      });
      const input = await world.open(venue, 'push', 'full', { resource: 'invoices' });
      await world.begin(input);
      await expect(world.chunk(input)).rejects.toThrow();
      await world.database.admin`update record_links set created_at = created_at - interval '2 hours'`;
      await world.quickbooks.send('POST', '/forget-idempotency-keys', { account: venue.company.id });
      expect(await world.chunk(input)).toMatchObject({ status: 'done' });
      return world.finish(input);
    };
    const links = async () =>
      (
        await world.database.admin<{ external_id: string }[]>`
          select external_id from record_links
          where connection_id = ${venue.connectionId} and resource = 'invoices' and state = 'linked'`
      ).map(({ external_id: id }) => id);

    it('go to QuickBooks once, although the answer to the batch was lost', async () => {
      // November has begun in Berlin.
      await load('one', { number: null, issuedAt: '2026-10-31T23:30:00.000Z' });
      expect(await pushAcrossALostAnswer('commit-then-fail')).toMatchObject({
        outcome: 'completed',
        counts: { rejected: 0 },
      });
      expect(await booked()).toMatchObject([{ TxnDate: '2026-11-01' }]);
    });

    it.each(['commit-then-fail', 'status'] as const)(
      'are as many as the venue has, also where three are equal and have no number (%s)',
      async (kind) => {
        for (const sourceId of ['one', 'two', 'three']) await load(sourceId, { number: null });
        expect(await pushAcrossALostAnswer(kind)).toMatchObject({
          outcome: 'completed',
          counts: { rejected: 0 },
        });
        const invoices = (await booked()).map(({ Id: id }) => String(id)).sort();
        expect(invoices).toHaveLength(3);
        expect((await links()).sort()).toEqual(invoices);
        expect((await sync('invoices', 'push')).counts).toMatchObject({ created: 0, updated: 0, rejected: 0 });
      },
    );
  });
});
