import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { EXAMPLES } from './record-examples.ts';

let api: ApiWorld;
let venueId: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
});

const pathOf = (resource: Resource) => `/v1/venues/${venueId}/records/${resource}`;
const load = (resource: Resource, records: readonly unknown[]) =>
  api.send('POST', `${pathOf(resource)}/batch`, { json: { records } });
const list = async (resource: Resource, query = '') => (await api.send('GET', `${pathOf(resource)}${query}`)).json.data;
const itemOf = async (resource: Resource, sourceId: string) =>
  `${pathOf(resource)}/${(await list(resource, `?sourceId=${sourceId}`))[0]?.id ?? ''}`;

describe('the price of a product', () => {
  const wrong = async (record: object) =>
    pathsOf((await load('products', [{ sourceId: 'p', ...record }])).json.rejections[0]?.errors);

  it('needs an amount and a currency together, also in combination with what is stored', async () => {
    expect(await wrong({ name: 'P', amountMinor: 5 })).toEqual(['currency']);
    expect(await wrong({ name: 'P', currency: 'EUR' })).toEqual(['amountMinor']);
    expect(await wrong({ name: 'P' })).toEqual([]);
    expect(await wrong({ amountMinor: 5 })).toEqual(['currency']);
    expect(await wrong({ amountMinor: 5, currency: 'EUR' })).toEqual([]);
    expect(await wrong({ amountMinor: 6 })).toEqual([]);
    expect(await wrong({ currency: null })).toEqual(['currency']);
    const item = await itemOf('products', 'p');
    const answer = await api.send('PATCH', item, { json: { amountMinor: null } });
    expect(answer).toMatchObject({
      status: 400,
      json: {
        code: 'invalid-request',
        errors: [
          { path: 'amountMinor', message: 'amountMinor and currency come together: send both, or null for both' },
        ],
      },
    });
    expect(pathsOf((await api.send('PUT', item, { json: { name: 'P', amountMinor: 5 } })).json.errors)).toEqual([
      'currency',
    ]);
    expect((await api.send('PATCH', item, { json: { amountMinor: null, currency: null } })).json).toMatchObject({
      amountMinor: null,
      currency: null,
      version: 4,
    });
  });

  it('in a bad record does not affect the other records of the batch', async () => {
    await load('products', [{ sourceId: 'b', name: 'B', amountMinor: 1, currency: 'EUR' }]);
    const answer = await load('products', [
      { sourceId: 'a', name: 'A' },
      { sourceId: 'b', currency: null },
      { sourceId: 'c' },
      { sourceId: 'd', name: 'D' },
    ]);
    expect(answer.json).toMatchObject({ received: 4, created: 2, updated: 0, rejected: 2 });
    expect(answer.json.rejections).toMatchObject([
      { line: 2, sourceId: 'b', errors: [{ path: 'currency' }] },
      { line: 3, sourceId: 'c', errors: [{ path: 'name', message: 'Required' }] },
    ]);
  });
});

describe('a field', () => {
  const TRANSACTION = EXAMPLES.transactions.required;
  const PRODUCT = { name: 'P', amountMinor: 1, currency: 'EUR' };
  it.each<[string, Resource, object, string]>([
    ['an amount with decimals', 'products', { ...PRODUCT, amountMinor: 1.5 }, 'amountMinor'],
    ['an amount as text', 'products', { ...PRODUCT, amountMinor: '100' }, 'amountMinor'],
    [
      'an amount that a number does not hold exactly',
      'transactions',
      { ...TRANSACTION, amountMinor: 9_007_199_254_740_992 },
      'amountMinor',
    ],
    ['a price below zero', 'products', { ...PRODUCT, amountMinor: -1 }, 'amountMinor'],
    ['a currency that there is not', 'products', { ...PRODUCT, currency: 'EUX' }, 'currency'],
    ['a currency in small letters', 'transactions', { ...TRANSACTION, currency: 'eur' }, 'currency'],
    [
      'an image that is no address',
      'products',
      { ...PRODUCT, images: ['https://x.example/1.jpg', 'javascript:alert(1)'] },
      'images.1',
    ],
    ['a quantity as a number', 'inventory', { ...EXAMPLES.inventory.required, quantity: 2 }, 'quantity'],
    ['a quantity with an exponent', 'inventory', { ...EXAMPLES.inventory.required, quantity: '1e3' }, 'quantity'],
    ['a quantity that is none', 'inventory', { ...EXAMPLES.inventory.required, quantity: 'NaN' }, 'quantity'],
    [
      'a count without a zone',
      'inventory',
      { ...EXAMPLES.inventory.required, countedAt: '2026-01-01T00:00:00' },
      'countedAt',
    ],
    ['a time in the year 0', 'transactions', { ...TRANSACTION, occurredAt: '0000-06-01T00:00:00Z' }, 'occurredAt'],
    [
      'a time that its offset takes to the year 10000',
      'transactions',
      { ...TRANSACTION, occurredAt: '9999-12-31T23:59:59-01:00' },
      'occurredAt',
    ],
    ['an unknown kind', 'transactions', { ...TRANSACTION, kind: 'gift' }, 'kind'],
    ['an unknown status', 'transactions', { ...TRANSACTION, status: 'open' }, 'status'],
    [
      'an unknown part of a line',
      'transactions',
      { ...TRANSACTION, lines: [{ amountMinor: 1, price: 1 }] },
      'lines.0.price',
    ],
    [
      'a line without an amount',
      'transactions',
      { ...TRANSACTION, lines: [{ description: 'x' }] },
      'lines.0.amountMinor',
    ],
    [
      'a related transaction that is no id',
      'transactions',
      { ...TRANSACTION, relatedTransactionId: 'x' },
      'relatedTransactionId',
    ],
  ])('with %s is rejected by name', async (_case, resource, record, path) => {
    const answer = await load(resource, [{ sourceId: 'a', ...record }]);
    expect(answer.json).toMatchObject({ created: 0, rejected: 1 });
    expect(pathsOf(answer.json.rejections[0]?.errors)).toEqual([path]);
  });

  it('that is an address is replaced as a whole', async () => {
    await load('customers', [{ sourceId: 'a', ...EXAMPLES.customers.full }]);
    const answer = await api.send('PATCH', await itemOf('customers', 'a'), { json: { address: { city: 'Paris' } } });
    expect(answer.json).toMatchObject({
      address: { line1: null, line2: null, city: 'Paris', region: null, postalCode: null, country: null },
    });
  });

  it('that is a time is stored in UTC, whatever its offset', async () => {
    await load('inventory', [
      { sourceId: 'a', ...EXAMPLES.inventory.required, countedAt: '2026-03-29T03:30:00+02:00' },
    ]);
    expect(await list('inventory')).toMatchObject([{ countedAt: '2026-03-29T01:30:00.000Z' }]);
  });
});

describe('transactions', () => {
  const payment = (sourceId: string, change: object = {}) => ({
    sourceId,
    ...EXAMPLES.transactions.required,
    ...change,
  });

  it('refer only to transactions of the same venue, and never to themselves', async () => {
    await load('transactions', [payment('p')]);
    const id = (await list('transactions'))[0]?.id ?? '';
    expect(
      (await load('transactions', [payment('r', { kind: 'refund', relatedTransactionId: id.toUpperCase() })])).json,
    ).toMatchObject({ created: 1 });
    expect(await list('transactions', '?kind=refund')).toMatchObject([{ relatedTransactionId: id }]);
    const wrong = {
      status: 400,
      json: {
        errors: [{ path: 'relatedTransactionId', message: 'Must be the id of another transaction of this venue' }],
      },
    };
    const item = await itemOf('transactions', 'p');
    expect(await api.send('PATCH', item, { json: { relatedTransactionId: id } })).toMatchObject(wrong);
    venueId = await api.aVenue();
    expect((await load('transactions', [payment('x', { relatedTransactionId: id }), payment('y')])).json).toMatchObject(
      { created: 1, rejections: [{ line: 1, sourceId: 'x', errors: wrong.json.errors }] },
    );
    expect(
      await api.send('PATCH', await itemOf('transactions', 'y'), { json: { relatedTransactionId: id } }),
    ).toMatchObject(wrong);
  });

  it('are listed by time, kind, status and currency', async () => {
    await load('transactions', [
      payment('a', { occurredAt: '2026-01-01T00:00:00Z' }),
      payment('b', { occurredAt: '2026-01-02T00:00:00Z', kind: 'refund', status: 'succeeded' }),
      payment('c', { occurredAt: '2026-01-03T00:00:00Z', currency: 'USD' }),
    ]);
    const sources = async (query: string) => (await list('transactions', query)).map(({ sourceId }) => sourceId);
    expect(await sources('?occurredFrom=2026-01-02T00:00:00Z')).toEqual(['b', 'c']);
    expect(await sources('?occurredFrom=2026-01-01T00:00:00Z&occurredTo=2026-01-02T00:00:00Z')).toEqual(['a']);
    expect(await sources('?kind=refund')).toEqual(['b']);
    expect(await sources('?status=pending')).toEqual(['a', 'c']);
    expect(await sources('?currency=USD&status=pending')).toEqual(['c']);
    expect(
      pathsOf(
        (await api.send('GET', `${pathOf('transactions')}?kind=gift&currency=x&occurredFrom=now`)).json.errors,
      ).sort(),
    ).toEqual(['currency', 'kind', 'occurredFrom']);
    expect(pathsOf((await api.send('GET', `${pathOf('products')}?kind=payment`)).json.errors)).toEqual(['kind']);
  });
});
