import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aLine, BOOKS, openBooks } from '../push/books.ts';

/** What of an invoice is one value. */
const SUMS = ['currency', 'lines', 'subtotalMinor', 'taxMinor', 'totalMinor'];
/** What the venue makes of the invoice: one more line, with its own sums. */
const LONGER = {
  lines: [aLine('chai', 450, 45), aLine('mint', 1_000, 200), aLine('chai', 600, 60)],
  ...{ subtotalMinor: 2_050, taxMinor: 305, totalMinor: 2_355 },
};

describe.each(BOOKS)(
  'an invoice of which both sides change the sums, one its lines and the other its tax, at %s',
  (id, open) => {
    let books: Awaited<ReturnType<typeof openBooks>>;
    beforeAll(async () => {
      books = await openBooks(open);
    });
    afterAll(() => books.world.close());
    beforeEach(() => books.begin());

    const venueSums = async () => {
      const { lines, taxMinor, totalMinor } = await books.record();
      return { amounts: lines.map(({ amountMinor }) => amountMinor), tax: taxMinor, total: totalMinor };
    };
    const OWN = { amounts: [450, 1_000, 600], tax: 305, total: 2_355 };
    const THEIRS = { amounts: [450, 1_000], tax: 300, total: 1_750 };

    it('is never lines of one side with the tax or the total of the other: a person decides about all of it', async () => {
      await books.load({ ...LONGER, amountDueMinor: 1_695 });
      await books.tax(300);
      expect((await books.sync('both')).counts).toMatchObject({ conflicts: 1, rejected: 0 });
      expect(await books.inConflict()).toEqual(expect.arrayContaining(SUMS));
      expect([await venueSums(), await books.sums()]).toEqual([OWN, THEIRS]);
      expect((await books.sync('both')).counts).toMatchObject({ updated: 0, rejected: 0 });
      expect([await venueSums(), await books.sums()]).toEqual([OWN, THEIRS]);
    });

    it('is the provider’s whole by the policy provider', async () => {
      await books.setPolicy({ policy: 'provider', fields: [] });
      await books.load(LONGER);
      await books.tax(300);
      expect((await books.sync('both')).counts).toMatchObject({ rejected: 0 });
      expect([await venueSums(), await books.sums()]).toEqual([THEIRS, THEIRS]);
      expect(await books.inConflict()).toEqual([]);
    });

    it('is the venue’s whole by the policy venue', async () => {
      await books.setPolicy({ policy: 'venue', fields: [] });
      await books.load(LONGER);
      await books.tax(300);
      expect((await books.sync('both')).counts).toMatchObject({ rejected: 0 });
      // What is still due, and QuickBooks' tax, are worked out there, and the next run tells them to the venue.
      await books.sync('both');
      const booked = await books.sums();
      expect(booked.amounts).toEqual(OWN.amounts);
      expect(await venueSums()).toEqual(booked);
      if (id === 'Xero') expect(booked).toEqual(OWN);
      expect(await books.record()).toMatchObject({ amountDueMinor: booked.total });
      expect((await books.sync('both')).counts).toMatchObject({ updated: 0, rejected: 0, conflicts: 0 });
    });

    it('is left to a person where the policies of its fields disagree', async () => {
      const rule = (field: string, policy: string) => ({ source: field, target: field, direction: 'both', policy });
      await books.setPolicy({ policy: 'venue', fields: [rule('lines', 'venue'), rule('taxMinor', 'provider')] });
      await books.load({ ...LONGER, amountDueMinor: 1_695 });
      await books.tax(300);
      await books.sync('both');
      expect([await venueSums(), await books.sums()]).toEqual([OWN, THEIRS]);
      expect(await books.inConflict()).toEqual(expect.arrayContaining(SUMS));
    });
  },
);

describe.each(BOOKS)('an invoice that is paid in part at %s while the venue changes its lines', (id, open) => {
  let books: Awaited<ReturnType<typeof openBooks>>;
  beforeAll(async () => {
    books = await openBooks(open);
  });
  afterAll(() => books.world.close());
  beforeEach(() => books.begin());

  it('has the payment on both sides, and no conflict about its sums', async () => {
    await books.load({ ...LONGER, amountDueMinor: 1_695 });
    await books.pay(1_000);
    const { counts } = await books.sync('both');
    const before = await books.record();
    expect(before.lines).toHaveLength(3);
    expect(before.amountDueMinor).toBe(695);
    expect(counts.conflicts).toBe(0);
    if (id === 'Xero') {
      // Xero changes no sums of an invoice that has payments: the record is rejected with the reason.
      expect(counts.rejected).toBe(1);
      expect((await books.sums()).amounts).toEqual([450, 1_000]);
      return;
    }
    await books.sync('both');
    const [after, booked] = [await books.record(), await books.sums()];
    expect(booked.amounts).toEqual([450, 1_000, 600]);
    expect(after).toMatchObject({ totalMinor: booked.total, amountDueMinor: booked.total - 1_000 });
  });

  it('has lines and payment whole where the venue changes neither', async () => {
    await books.pay(1_000);
    expect((await books.sync('both')).counts).toMatchObject({ conflicts: 0, rejected: 0 });
    expect(await books.record()).toMatchObject({ totalMinor: 1_695, amountDueMinor: 695 });
    expect((await books.sync('both')).counts).toMatchObject({ updated: 0, rejected: 0 });
  });
});
