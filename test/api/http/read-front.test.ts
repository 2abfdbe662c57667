import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRouteFinder } from '../../../api/http/route-finder.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld, SendOptions } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let customerId: string;
beforeAll(async () => {
  api = await createApiWorld();
  venueId = await api.aVenue();
  const records = `/v1/venues/${venueId}/records/customers`;
  await api.send('POST', `${records}/batch`, {
    json: { records: [{ sourceId: 'c1', name: 'Zoë' }, { sourceId: 'c2' }] },
  });
  customerId = (await api.send('GET', records)).json.data[0]?.id ?? '';
});
afterAll(() => api.close());

/** Varies between two answers to the same request. */
const PASSING = ['date', 'x-request-id', 'ratelimit'];

/** Sends a GET; `escaped` with an escape in the venue’s id, which begins with a zero: it is left to Express, and means the same. */
async function get(path: string, { escaped, ...options }: SendOptions & { readonly escaped: boolean }) {
  const target = escaped ? path.replace('/venues/0', '/venues/%30') : path;
  expect(target === path).toBe(!escaped);
  const { status, headers, text } = await api.send('GET', target, options);
  const shown = [...headers].filter(([name]) => !PASSING.includes(name));
  return { status, headers: shown, text: text.replace(/"requestId":"[^"]+"/, '') };
}

describe('a read that is answered ahead of Express', () => {
  it.each([
    ['a list', (venue: string) => `/v1/venues/${venue}/records/customers?limit=1`, {}],
    ['a record', (venue: string) => `/v1/venues/${venue}/records/customers/${customerId}`, {}],
    ['a list without a token', (venue: string) => `/v1/venues/${venue}/syncs`, { token: null }],
    ['a venue that does not exist', () => '/v1/venues/0192f0c1-0000-7000-8000-00000000000a', {}],
    ['an id that is none', (venue: string) => `/v1/venues/${venue}/syncs/none`, {}],
    ['an unknown parameter', (venue: string) => `/v1/venues/${venue}/connections?wrong=1`, {}],
  ])('has the answer that Express gives: %s', async (_what, pathOf, options) => {
    const path = pathOf(venueId);
    const answer = await get(path, { ...options, escaped: false });
    expect(answer).toEqual(await get(path, { ...options, escaped: true }));
  });

  it('is one of every operation that reads', () => {
    const find = createRouteFinder(api.endpoints.map(({ path }) => path));
    for (const { path } of api.endpoints) expect(find(path.replaceAll(/[{}]/g, ''))?.path).toBe(path);
  });

  it('has a line in the access log with its template, venue and status', async () => {
    await api.send('GET', `/v1/venues/${venueId}/records/customers/${customerId}`);
    const line = api.logLines.findLast((text) => text.includes('"msg":"request"'));
    expect(JSON.parse(line ?? '')).toMatchObject({
      route: '/v1/venues/{venueId}/records/customers/{customerId}',
      status: 200,
      venueId,
    });
  });

  it('leaves a path that takes no GET to Express, which names the methods that it takes', async () => {
    const answer = await api.send('GET', `/v1/venues/${venueId}/records/customers/batch`);
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('POST, OPTIONS');
  });

  it('leaves HEAD to Express, which answers without a body', async () => {
    const answer = await api.send('HEAD', `/v1/venues/${venueId}/records/customers`);
    expect(answer).toMatchObject({ status: 200, text: '' });
  });
});
