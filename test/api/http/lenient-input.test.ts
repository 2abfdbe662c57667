import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

const BALLOON = '🎈';

describe('input from real venues', () => {
  let api: ApiWorld;
  let venueId: VenueId;
  beforeAll(async () => {
    api = await createApiWorld();
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    venueId = await api.aVenue();
  });

  const load = (resource: string, records: readonly object[]) =>
    api.send('POST', `/v1/venues/${venueId}/records/${resource}/batch`, { json: { records } });
  const loadLines = (body: string | ReadableStream) =>
    api.send('POST', `/v1/venues/${venueId}/records/customers/batch`, {
      body,
      headers: { 'content-type': 'application/x-ndjson' },
    });

  it('may have emails that break RFC 5321’s rules for dots, contain symbols, or have an internationalized domain', async () => {
    const emails = [
      'm&m@example.com',
      'x=y@example.com',
      'post@grün.example',
      'a/b@example.com',
      'q.@example.ne.jp',
      'l..r@example.ne.jp',
    ];
    const answer = await load(
      'customers',
      emails.map((email, index) => ({ sourceId: `c${index}`, email })),
    );
    expect(answer.json).toMatchObject({ created: 6, rejected: 0, rejections: [] });
  });

  it.each([
    '.a@example.jp',
    '田中@example.jp',
    '"a b"@example.com',
    "o'neil@example.com",
    'a+b@example.co',
    `${'l'.repeat(80)}@example.com`,
    'a@[192.0.2.1]',
    'root@mailhost',
    '!#$%&*?^_`{|}~@example.com',
  ])('may have %s as an email', async (email) => {
    expect((await load('customers', [{ sourceId: 'c', email }])).json).toMatchObject({ created: 1 });
  });

  it.each([
    '',
    'a',
    'a@',
    '@example.com',
    'a@b@example.com',
    'a b@example.com',
    'a@exa mple.com',
    'a@example..com',
    'a@.example.com',
    'a@example.com.',
    'a@example.com\n',
    'a\u0007@example.com',
    '"a@example.com',
    ' a@example.com',
  ])('may not have %j as an email', async (email) => {
    const answer = await load('customers', [{ sourceId: 'c', email }]);
    expect(pathsOf(answer.json.rejections[0]?.errors)).toEqual(['email']);
  });

  it.each<[string, string, (text: string) => object, number]>([
    ['sourceId', 'customers', (sourceId) => ({ sourceId }), 255],
    [
      'location',
      'inventory',
      (location) => ({
        sourceId: 'x',
        productSourceId: 'p',
        location,
        quantity: '1',
        countedAt: '2026-01-01T00:00:00Z',
      }),
      255,
    ],
    ['sku', 'products', (sku) => ({ sourceId: 'x', name: 'n', sku }), 500],
    ['phone', 'customers', (phone) => ({ sourceId: 'x', phone }), 50],
    ['metadata.k', 'customers', (k) => ({ sourceId: 'x', metadata: { k } }), 5_000],
  ])('has %s of %s counted in characters, not in UTF-16 units', async (path, resource, record, max) => {
    expect((await load(resource, [record(BALLOON.repeat(max))])).json).toMatchObject({ created: 1 });
    const tooLong = await load(resource, [record(BALLOON.repeat(max + 1))]);
    expect(pathsOf(tooLong.json.rejections[0]?.errors)).toEqual([path]);
  });

  it.each([1, 4, 5, 70_000, 1_500_000])(
    'may have a line of %i white space characters, which counts as blank',
    async (length) => {
      const blank = ' \t\r'.repeat(length).slice(0, length);
      const answer = await loadLines(`{"sourceId":"A"}\n${blank}\n{"sourceId":"B"}\n${blank}`);
      expect(answer.json).toMatchObject({ received: 2, created: 2, rejected: 0 });
    },
  );

  it('may have a record after much white space, and an error there names the right line', async () => {
    const answer = await loadLines(`${' '.repeat(1_500_000)}{"sourceId":"A"}\n${' '.repeat(1_500_000)}\nnonsense`);
    expect(answer.json).toMatchObject({ received: 2, created: 1, rejected: 1, rejections: [{ line: 3 }] });
  });
});
