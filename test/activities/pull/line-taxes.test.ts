import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InvoiceFields } from '../../../records/invoices.ts';
import { BOOKS, openBooks } from '../push/books.ts';

describe.each(BOOKS)('an invoice whose venue says the tax of each line, in the books of %s', (_, open) => {
  let books: Awaited<ReturnType<typeof openBooks>>;
  beforeAll(async () => {
    books = await openBooks(open);
  });
  afterAll(() => books.world.close());
  const taxesOf = ({ lines }: InvoiceFields) => lines.map(({ taxMinor }) => taxMinor);

  beforeEach(async () => {
    await books.begin();
    expect(await books.record()).toMatchObject({ taxMinor: 245, totalMinor: 1_695 });
    expect(taxesOf(await books.record())).toEqual([45, 200]);
  });

  it.each(['pull', 'both'] as const)(
    'keeps the taxes of its lines when a %s run tells a payment',
    async (direction) => {
      await books.pay(1_000);
      await books.sync(direction);
      const after = await books.record();
      expect(after).toMatchObject({ subtotalMinor: 1_450, taxMinor: 245, totalMinor: 1_695, amountDueMinor: 695 });
      expect(taxesOf(after)).toEqual([45, 200]);
    },
  );

  it.each(['pull', 'both'] as const)(
    'never has taxes of lines that make another sum than its tax after a %s run',
    async (direction) => {
      await books.tax(300);
      await books.sync(direction);
      const after = await books.record();
      expect(after).toMatchObject({ taxMinor: 300, totalMinor: 1_750 });
      expect([
        [null, null],
        [100, 200],
      ]).toContainEqual(taxesOf(after));
    },
  );
});
