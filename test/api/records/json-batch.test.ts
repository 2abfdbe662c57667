import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../api/errors/api-error.ts';
import { Turns } from '../../../api/http/turns.ts';
import { readBatch } from '../../../api/records/json-batch.ts';

async function* piecesOf(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

async function readAll(text: string, size: number): Promise<unknown[]> {
  const records: unknown[] = [];
  const turns = new Turns({ yield: () => Promise.resolve(), mayGoOn: () => true });
  for await (const { bytes } of readBatch(piecesOf(Buffer.from(text), size), turns))
    records.push(JSON.parse(Buffer.from(bytes ?? []).toString()));
  return records;
}

describe('a JSON batch that arrives in pieces', () => {
  const piece = fc.integer({ min: 1, max: 40 });

  it('parses the same records as JSON.parse, wherever it is split', async () => {
    const value = fc.jsonValue({ maxDepth: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { maxLength: 8 }),
        piece,
        fc.constantFrom(undefined, 1, '\t'),
        async (records, size, indent) => {
          const text = JSON.stringify({ records }, null, indent);
          expect(await readAll(text, size)).toEqual((JSON.parse(text) as { records: unknown[] }).records);
        },
      ),
    );
  });

  it('is accepted or rejected exactly as the whole text would be', async () => {
    const token = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '"records"', '"a"', '1', ' ', 'null');
    await fc.assert(
      fc.asyncProperty(fc.array(token, { maxLength: 14 }), piece, async (tokens, size) => {
        const text = `{"records":[${tokens.join('')}`;
        let expected: unknown[] | null = null;
        try {
          const parsed = JSON.parse(text) as { records: unknown };
          expected =
            Object.keys(parsed).length === 1 && Array.isArray(parsed.records) && text.split('"records":[').length === 2
              ? parsed.records
              : null;
        } catch {
          expected = null;
        }
        const read = await readAll(text, size).catch((error: unknown) => {
          if (!(error instanceof ApiError) && !(error instanceof SyntaxError)) throw error;
          return null;
        });
        expect(read).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
