import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiWorld } from './api-world.ts';
import type { ApiWorld } from './api-world.ts';

let api: ApiWorld;
let customers: string;
let batch: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  customers = `/v1/venues/${await api.aVenue()}/records/customers`;
  batch = `${customers}/batch`;
});

const load = (records: readonly unknown[], query = '') => api.send('POST', `${batch}${query}`, { json: { records } });
const list = async (query = '') => (await api.send('GET', `${customers}${query}`)).json.data;

const ADA = {
  sourceId: 'ADA',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  phone: '+44 20 7946 0000',
  address: { line1: '12 St James’s Square', line2: null, city: 'London', region: null, postalCode: 'SW1Y 4JH', country: 'GB' },
  marketingConsent: true,
  metadata: { tier: 'gold' },
};

describe('one customer', () => {
  beforeEach(() => load([ADA, { sourceId: 'BOB', name: 'Bob' }]));
  const pathOf = async (sourceId: string) => `${customers}/${(await list(`?sourceId=${sourceId}`))[0]?.id ?? ''}`;

  it('is replaced by PUT: what is left out is cleared', async () => {
    const path = await pathOf('ADA');
    const answer = await api.send('PUT', path, { json: { name: 'Ada King' } });
    expect(answer.json).toMatchObject({ sourceId: 'ADA', name: 'Ada King', email: null, phone: null, address: null, marketingConsent: null, metadata: {}, version: 2 });
    expect((await api.send('GET', path)).json).toEqual(answer.json);
  });

  it('is changed by PATCH: what is left out stays, and an unchanged one keeps its version', async () => {
    const path = await pathOf('ADA');
    expect((await api.send('PATCH', path, { json: { phone: null, address: { city: 'Paris' } } })).json).toMatchObject({
      name: ADA.name,
      phone: null,
      address: { line1: null, city: 'Paris', country: null },
      version: 2,
    });
    expect((await api.send('PATCH', path, { json: { phone: null, sourceId: 'ADA' } })).json).toMatchObject({ version: 2 });
  });

  it('keeps its sourceId', async () => {
    for (const method of ['PUT', 'PATCH']) {
      const answer = await api.send(method, await pathOf('ADA'), { json: { sourceId: 'BOB' } });
      expect(answer).toMatchObject({ status: 400, json: { errors: [{ path: 'sourceId', message: 'Cannot be changed' }] } });
    }
  });

  it('is 404 when it is not there, and 405 to DELETE', async () => {
    const missing = `${customers}/019a0000-0000-7000-8000-000000000000`;
    expect(await api.send('GET', missing)).toMatchObject({ status: 404, json: { code: 'customer-not-found' } });
    expect(await api.send('PATCH', missing, { json: { name: 'x' } })).toMatchObject({ status: 404 });
    expect(await api.send('DELETE', await pathOf('ADA'))).toMatchObject({ status: 405 });
  });
});

describe('listing customers', () => {
  it('filters by sourceId, by time of change, and shows deleted ones only when asked', async () => {
    await load([{ sourceId: 'a' }, { sourceId: 'b' }, { sourceId: 'c' }]);
    await api.database.admin`update customers set deleted_at = now() where venue_id = ${customers.split('/')[3] ?? ''} and source_id = 'b'`;
    const sources = async (query: string) => (await list(query)).map((customer) => customer.sourceId);
    expect(await sources('')).toEqual(['a', 'c']);
    expect(await sources('?includeDeleted=true')).toEqual(['a', 'b', 'c']);
    expect(await sources('?sourceId=c')).toEqual(['c']);
    expect(await sources('?sourceId=b')).toEqual([]);

    const updatedAt = (await list('?sourceId=c'))[0]?.updatedAt ?? '';
    await new Promise((resolve) => setTimeout(resolve, 5));
    await load([{ sourceId: 'a', name: 'later' }]);
    const later = (await list('?sourceId=a'))[0]?.updatedAt ?? '';
    expect(await sources(`?updatedSince=${later}`)).toEqual(['a']);
    expect(await sources(`?updatedSince=${updatedAt}`)).toEqual(['a', 'c']);
  });

  it('goes through every one exactly once while others are written', async () => {
    await load(Array.from({ length: 25 }, (_, index) => ({ sourceId: `c${index}` })));
    const seen: string[] = [];
    let cursor: string | null = '';
    for (let page = 0; page < 20; page += 1) {
      const answer = await api.send('GET', `${customers}?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...answer.json.data.map(({ sourceId }) => sourceId));
      await load([{ sourceId: `new${page}` }, { sourceId: 'c3', name: `changed ${page}` }]);
      cursor = answer.json.nextCursor;
      if (cursor === null) break;
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((sourceId) => sourceId.startsWith('c')).length).toBe(25);
  });

  it('refuses a cursor that was altered, or is of another list or other filters', async () => {
    await load(Array.from({ length: 3 }, (_, index) => ({ sourceId: `c${index}` })));
    const nextCursor = (await api.send('GET', `${customers}?limit=1`)).json.nextCursor ?? '';
    const elsewhere = `/v1/venues/${await api.aVenue()}/records/customers`;
    const forged = Buffer.from(Buffer.from(nextCursor, 'base64url').toString().replace(/[^.]+$/, '1')).toString('base64url');
    expect(await api.send('GET', `${customers}?limit=2&cursor=${nextCursor}`)).toMatchObject({ status: 200 });
    for (const url of [
      `${customers}?cursor=${nextCursor}x`,
      `${customers}?cursor=abc`,
      `${customers}?cursor=${forged}`,
      `${customers}?includeDeleted=true&cursor=${nextCursor}`,
      `${elsewhere}?cursor=${nextCursor}`,
      `/v1/venues?cursor=${nextCursor}`,
    ]) {
      expect.soft(await api.send('GET', url), url).toMatchObject({ status: 400, json: { code: 'invalid-cursor' } });
    }
  });
});
