import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { EXAMPLES } from './record-examples.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

/** A load of up to ten small records is written by other statements than a larger one. */
const FEW = 10;
const ODD_VALUES: readonly unknown[] = [
  ...[null, true, false, [], {}, [null], [{}], [[]], { a: null }, { a: 1 }, { '': '' }, { a: 'b' }],
  ...['', ' ', 'x', '0', '-0', '-1', '1e2', '1e400', '0.00001', '99999999999999999999999', 'EUR', 'eur', 'ß'],
  ...['0000-01-01', '2026-02-30', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59', '2026-03-29T02:30:00Z'],
  ...[
    '\u0000',
    'a\u0000b',
    '\ud800',
    'a\udfffb',
    '\\u0000',
    '\u2028',
    '\ufeff',
    '💡',
    'e\u0301',
    '"',
    "'",
    '\\',
    '$1',
    '\n',
  ],
  ...['x'.repeat(255), 'x'.repeat(256), 'x'.repeat(6_000), '💡'.repeat(300)],
  ...[0, -0, -1, 0.1, 1e21, 1e308, 5e-324, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER, 2 ** 53, 2 ** 63],
  ...[
    JSON.parse('{"__proto__":"x"}') as unknown,
    { constructor: 'x' },
    { ['\u0000']: 'x' },
    { ['\ud800']: 'x' },
    { a: '\u0000' },
  ],
];

interface Shown {
  readonly sourceId: string;
  readonly [field: string]: unknown;
}

describe.each(RECORD_KINDS.names)('a few %s with odd values', (kind) => {
  it('get the same verdicts, and become the same, as among many', async () => {
    const { full, required } = EXAMPLES[kind as keyof typeof EXAMPLES];
    const [few, many] = [await api.aVenue(), await api.aVenue()];
    const filling = Array.from({ length: FEW + 1 }, (_, nth) => ({ ...required, sourceId: `filling ${nth}` }));
    const load = async (venueId: string, records: readonly object[]) => {
      const answer = await api.send('POST', `/v1/venues/${venueId}/records/${kind}/batch`, { json: { records } });
      const { status, json } = answer;
      const rejections = json['rejections'] as readonly { readonly line: number }[] | undefined;
      return { status, code: json.code, rejected: json.rejected, rejections, updated: json.updated };
    };
    const stored = async (venueId: string) => {
      const shown: Shown[] = [];
      for (let next: string | null = ''; next !== null;) {
        const { json } = await api.send('GET', `/v1/venues/${venueId}/records/${kind}?limit=200${next}`);
        shown.push(...(json.data as unknown as Shown[]));
        next = json['nextCursor'] ? `&cursor=${json['nextCursor']}` : null;
      }
      return Object.fromEntries(
        shown.map(({ sourceId, id: _id, venueId: _venue, createdAt: _made, updatedAt: _written, ...fields }) => [
          sourceId,
          fields,
        ]),
      );
    };
    const oddly = Object.keys(full).flatMap((field) =>
      ODD_VALUES.map((_, nth) => ({ field, nth, sourceId: `${field} ${nth}` })),
    );
    for (let turn = 0; turn < 2; turn += 1) {
      for (let from = 0; from < oddly.length; from += FEW) {
        const records = oddly.slice(from, from + FEW).map(({ field, nth, sourceId }) => ({
          ...(turn === 0 ? full : required),
          [field]: ODD_VALUES[(nth + turn) % ODD_VALUES.length],
          sourceId,
        }));
        const verdicts = await load(few, records);
        expect(verdicts.status).toBeLessThan(500);
        expect(verdicts).toEqual(await load(many, [...records, ...filling]));
      }
      const kept = Object.fromEntries(
        Object.entries(await stored(many)).filter(([sourceId]) => !sourceId.startsWith('filling')),
      );
      expect(await stored(few)).toEqual(kept);
      expect(Object.keys(kept).length).toBeGreaterThan(0);
    }
  }, 120_000);
});
