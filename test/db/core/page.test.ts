import { expect, it } from 'vitest';
import { MAX_PAGE_BYTES, toPage } from '../../../db/core/page.ts';

const as = { item: ({ id }: { id: string }) => id, id: ({ id }: { id: string }) => id };

it.each([
  ['plain letters', 'x', 1],
  ['letters of three bytes', '€', 3],
  ['characters of four bytes', '😀', 4],
  ['control characters', '\u0001', 6],
  ['quotes', '"', 2],
  ['unpaired surrogates', '\ud800', 6],
])('a page ends with the row that fills its bytes, when rows hold %s', (_what, character, bytes) => {
  const text = character.repeat(Math.ceil((MAX_PAGE_BYTES * 0.4) / bytes));
  const rows = ['a', 'b', 'c', 'd'].map((id) => ({ id, nested: { list: [text] } }));
  expect(toPage(rows, 10, as)).toEqual({ data: ['a', 'b', 'c'], next: 'c', isCut: true });
  expect(toPage(rows.slice(0, 2), 10, as)).toEqual({ data: ['a', 'b'], next: null, isCut: false });
});

it('a page of many small values ends with the row that fills its bytes', () => {
  const rows = ['a', 'b', 'c'].map((id) => ({ id, list: Array.from({ length: 125_000 }, () => null) }));
  expect(toPage(rows, 10, as)).toEqual({ data: ['a', 'b'], next: 'b', isCut: true });
});
