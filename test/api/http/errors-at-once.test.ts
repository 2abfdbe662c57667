import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venue: string;
let connection: string;
beforeAll(async () => {
  api = await createApiWorld();
  const venueId = await api.aVenue();
  venue = `/v1/venues/${venueId}`;
  connection = `${venue}/connections/01932d2e-5a1c-7d3b-9e58-0242ac120002`;
});
afterAll(() => api.close());

const ID = '01932d2e-5a1c-7d3b-9e58-0242ac120002';

/** The paths that the answer to a bad request names. */
async function pathsNamed(
  method: string,
  path: string,
  options: Parameters<ApiWorld['send']>[2] = {},
): Promise<readonly string[]> {
  const { status, json } = await api.send(method, path, options);
  const { code, errors = [] } = json as unknown as { code: string; errors?: readonly { readonly path: string }[] };
  expect({ status, code }).toEqual({ status: 400, code: 'invalid-request' });
  return errors.map((error) => error.path).toSorted();
}

describe('A rule about several fields', () => {
  it.each<[string, string, () => string, object, readonly string[]]>([
    [
      'a window',
      'POST',
      () => `${venue}/syncs`,
      {
        connectionId: ID,
        resource: 'customers',
        direction: 'pull',
        mode: 'x',
        from: '2026-12-01T00:00:00Z',
        to: '2026-11-01T00:00:00Z',
      },
      ['mode', 'to'],
    ],
    [
      'a schedule',
      'PUT',
      () => `${connection}/schedules/customers`,
      { every: '1h', cron: '0 6 * * *', direction: 'x' },
      ['cron', 'direction', 'every'],
    ],
    [
      'a mapping',
      'PUT',
      () => `${connection}/mappings/customers`,
      { fields: [{ target: 'name', source: 'a', expression: 'b', policy: 'x' }] },
      ['fields.0.expression', 'fields.0.policy', 'fields.0.source'],
    ],
    [
      'a connection by key',
      'POST',
      () => `${venue}/connections`,
      {
        provider: 'stripe',
        environment: 'x',
        credentials: { secretKey: 'sk_test_x' },
        returnUrl: 'https://venue.example',
      },
      ['environment', 'returnUrl'],
    ],
    [
      'a resolution',
      'POST',
      () => `${venue}/conflicts/${ID}/resolve`,
      { take: 'venue', values: {}, more: 1 },
      ['more', 'values'],
    ],
    [
      'days of a reconciliation',
      'POST',
      () => `${venue}/reconciliations`,
      { connectionId: 'x', from: '2026-11-20', to: '2026-11-10' },
      ['connectionId', 'from'],
    ],
  ])('is checked beside a wrong field elsewhere: %s', async (_what, method, path, json, named) => {
    expect(await pathsNamed(method, path(), { json })).toEqual(named);
  });

  it('is left out where one of its own fields is wrong', async () => {
    const json = {
      connectionId: ID,
      resource: 'customers',
      direction: 'pull',
      mode: 'x',
      from: 'y',
      to: '2026-11-01T00:00:00Z',
    };
    expect(await pathsNamed('POST', `${venue}/syncs`, { json })).toEqual(['from', 'mode']);
  });

  it('is checked in a query too', async () => {
    const query = 'from=2026-11-20&to=2026-11-10&kind=x';
    expect(await pathsNamed('GET', `${venue}/transactions/summary?${query}`)).toEqual(['from', 'kind']);
  });
});

describe('A subscription’s URL', () => {
  it.each(['http://receiver.example', 'https://10.0.0.1/', 'https://a:b@receiver.example', 'no URL'])(
    'is refused beside other wrong fields: %s',
    async (url) => {
      const json = { url, types: ['no.type'], more: 1 };
      expect(await pathsNamed('POST', `${venue}/subscriptions`, { json })).toEqual(['more', 'types.0', 'url']);
      expect(await pathsNamed('PATCH', `${venue}/subscriptions/${ID}`, { json })).toEqual(['more', 'types.0', 'url']);
    },
  );

  it('is refused with white space, which a URL parser would leave out and the service would store', async () => {
    for (const url of [' https://receiver.example', 'https://receiver.example/\n', 'https://receiver.example/a b'])
      expect(await pathsNamed('POST', `${venue}/subscriptions`, { json: { url } })).toEqual(['url']);
  });
});

describe('A bad Idempotency-Key', () => {
  it('is named beside wrong fields of query and body', async () => {
    const headers = { 'Idempotency-Key': 'x'.repeat(256) };
    const json = { name: 'Bar', timeZone: 'Europe/Berlin', currency: 'x' };
    expect(await pathsNamed('POST', '/v1/venues?more=1', { headers, json })).toEqual([
      'Idempotency-Key',
      'currency',
      'more',
    ]);
  });
});

describe('A changed sourceId', () => {
  it('is refused beside other wrong fields, and a sent back one accepted', async () => {
    const [record] = await loaded();
    const path = `${venue}/records/customers/${record?.id ?? ''}`;
    for (const method of ['PUT', 'PATCH'])
      expect(await pathsNamed(method, path, { json: { sourceId: 'c-2', email: 'x', more: 1 } })).toEqual([
        'email',
        'more',
        'sourceId',
      ]);
    expect((await api.send('PATCH', path, { json: { sourceId: 'c-1', name: 'Grace' } })).status).toBe(200);
    const [changed] = await loaded();
    expect(changed).toMatchObject({ sourceId: 'c-1', name: 'Grace' });
  });

  async function loaded() {
    const list = () => api.send('GET', `${venue}/records/customers`);
    const found = (await list()).json as unknown as { data: { id: string }[] };
    if (found.data.length > 0) return found.data;
    await api.send('POST', `${venue}/records/customers/batch`, {
      json: { records: [{ sourceId: 'c-1', name: 'Ada' }] },
    });
    return ((await list()).json as unknown as { data: { id: string }[] }).data;
  }
});
