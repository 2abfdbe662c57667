import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { invoices } from '../../../records/invoices.ts';
import { createXeroSyncWorld } from './xero-world.ts';
import type { XeroSyncWorld } from './xero-world.ts';

type WireObject = Readonly<Record<string, unknown>>;

const INVOICES = 25;
const ROUNDS = 4;
const TREATMENTS = ['NoTax', 'Inclusive', 'Exclusive'] as const;

let world: XeroSyncWorld;
beforeAll(async () => {
  world = await createXeroSyncWorld();
});
afterAll(() => world.close());

const pricing = fc.record({
  quantity: fc.constantFrom('1', '2', '7', '0.333', '1.5', '12'),
  unitMinor: fc.constantFrom(100, 625, 333, 1_999, -150, 1),
  isPriced: fc.boolean(),
});

/** The lines and sums of an invoice whose venue says the tax of its lines in one of the ways that there are. */
const content = fc
  .record({
    tax: fc.constantFrom('none', 'added', 'held', 'untold'),
    priced: fc.array(pricing, { minLength: 1, maxLength: 3 }),
  })
  .map(({ tax, priced }) => {
    const lines = priced.map(({ quantity, unitMinor, isPriced }, index) => {
      const amountMinor = Math.sign(unitMinor) * Math.round(Math.abs(Number(quantity) * unitMinor));
      const taxMinor = { none: 0, added: Math.round(amountMinor / 5), held: Math.round(amountMinor / 6), untold: null }[
        tax
      ];
      const unitAmount = isPriced ? String(unitMinor / 100) : null;
      return { description: `Line ${index}`, quantity, unitAmount, amountMinor, taxMinor, productSourceId: null };
    });
    const sum = lines.reduce((total, { amountMinor }) => total + amountMinor, 0);
    const taxMinor = tax === 'untold' ? null : lines.reduce((total, line) => total + (line.taxMinor ?? 0), 0);
    const totalMinor = tax === 'added' ? sum + (taxMinor ?? 0) : sum;
    const subtotalMinor = taxMinor === null ? null : totalMinor - taxMinor;
    return { lines, totalMinor, taxMinor, subtotalMinor, amountDueMinor: totalMinor };
  });
const rounds = fc.array(
  fc.array(fc.record({ content, theirs: fc.option(fc.constantFrom(...TREATMENTS)) }), {
    minLength: INVOICES,
    maxLength: INVOICES,
  }),
  { minLength: ROUNDS, maxLength: ROUNDS },
);

it('never gives an invoice another total or tax at Xero than the venue says, whatever treatment of tax it has there', async () => {
  const store = createRecordStore(world.database.db, invoices);
  let aheadMs = 0;
  await fc.assert(
    fc.asyncProperty(rounds, async (all) => {
      const venue = await world.aXeroVenue();
      const { organisation, venueId } = venue;
      await world.customers.upsertMany(venueId, [{ sourceId: 'ada', name: 'Ada' }]);
      await world.sync(venue, 'push', 'full', { resource: 'customers' });
      const at = async () =>
        new Map((await organisation.objects('Invoices')).map((one) => [String(one['InvoiceNumber']), one]));
      for (const [nth, round] of all.entries()) {
        // What the venue does not change is not written, whatever a person does at Xero: each round asks for another day.
        const dueAt = `2026-10-${10 + nth}T00:00:00.000Z`;
        const wanted = round.map((one, index) => ({
          ...{ sourceId: `i-${index}`, number: `N-${index}`, status: 'open', customerSourceId: 'ada', currency: 'GBP' },
          ...{ issuedAt: '2026-10-01T00:00:00.000Z', dueAt, metadata: {} },
          ...one.content,
        }));
        await store.upsertMany(venueId, wanted as never);
        const { syncId, counts } = await world.sync(venue, 'push', 'full', { resource: 'invoices' });
        expect(counts.created + counts.updated).toBeGreaterThan(0);
        const log = await world.logOf(venue, syncId);
        const rejected = new Set(log.flatMap((entry) => (entry.action === 'rejected' ? [entry.recordId] : [])));
        const there = await at();
        const ids = await world.database.admin<{ id: string; source_id: string }[]>`
          select id, source_id from invoices where venue_id = ${venueId}`;
        for (const { sourceId, number, totalMinor, taxMinor } of wanted) {
          if (rejected.has(ids.find((row) => row.source_id === sourceId)?.id as never)) continue;
          const { Total: total, TotalTax: tax } = there.get(number) ?? {};
          expect(
            [Math.round(Number(total) * 100), taxMinor === null ? null : Math.round(Number(tax) * 100)],
            number,
          ).toEqual([totalMinor, taxMinor]);
        }
        await world.xero.clock((aheadMs += 2_000));
        for (const [index, { theirs }] of round.entries()) {
          const invoice = there.get(`N-${index}`);
          if (theirs === null || invoice === undefined) continue;
          const LineItems = (invoice['LineItems'] as readonly WireObject[]).map(({ TaxAmount: _tax, ...line }) => line);
          const body = { InvoiceID: invoice['InvoiceID'], LineAmountTypes: theirs, LineItems };
          await organisation.ask('POST', 'Invoices', { body });
        }
      }
    }),
    { numRuns: 1, endOnFailure: true },
  );
}, 120_000);
