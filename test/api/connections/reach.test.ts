import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: string;
beforeAll(async () => {
  api = await createApiWorld();
  venueId = await api.aVenue();
  connectionId = await api.aConnection(venueId);
});
afterAll(() => api.close());

const pathOf = (resource: string, id = connectionId, of: string = venueId) =>
  `/v1/venues/${of}/connections/${id}/reach/${resource}`;
const put = (excludedFields: readonly string[], path = pathOf('customers'), token?: string) =>
  api.send('PUT', path, { json: { excludedFields }, ...(token !== undefined && { token }) });

describe('the reach of a connection', () => {
  it('leaves nothing out until it is told to, says what stays stored, and is audited once', async () => {
    expect((await api.send('GET', pathOf('customers'))).json).toEqual({
      ...{ connectionId, resource: 'customers', excludedFields: [], historyFrom: null, storedValues: 'kept' },
    });
    for (let nth = 0; nth < 2; nth += 1)
      expect(await put(['phone', 'email'])).toMatchObject({
        status: 200,
        json: { excludedFields: ['email', 'phone'], storedValues: 'kept' },
      });
    expect((await api.send('GET', pathOf('transactions'))).json).toMatchObject({ excludedFields: [] });
    const rows = await api.database
      .admin`select details from audit_log where venue_id = ${venueId} and action = 'connection.reach-changed'`;
    expect(rows).toEqual([{ details: { resource: 'customers', excluded: 'phone email' } }]);
  });

  it('names every field that cannot be left out, with why', async () => {
    const answer = await put(['kind', 'shoeSize', 'amountMinor', 'lines'], pathOf('transactions'));
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect((answer.json as unknown as { errors: { path: string }[] }).errors.map(({ path }) => path)).toEqual([
      'excludedFields.0',
      'excludedFields.1',
      'excludedFields.2',
    ]);
  });

  it('leaves out any optional field of a resource that is pushed, alone or with what comes with it', async () => {
    const products = ['description', 'sku', 'active', 'taxable', 'images', 'metadata', 'amountMinor', 'currency'];
    expect(await put(products, pathOf('products'))).toMatchObject({ status: 200 });
    expect(await put([], pathOf('products'))).toMatchObject({ status: 200, json: { excludedFields: [] } });
  });

  it('is refused for a resource that the provider does not sync, or that is none', async () => {
    expect(await put([], pathOf('inventory'))).toMatchObject({ status: 422, json: { code: 'resource-not-supported' } });
    expect(await put([], pathOf('shoes'))).toMatchObject({ status: 404, json: { code: 'reach-not-found' } });
  });

  it('begins history at a day, and leaves what a request does not name as it is', async () => {
    const path = pathOf('transactions');
    expect(await api.send('PUT', path, { json: { historyFrom: '2026-01-01' } })).toMatchObject({
      status: 200,
      json: { historyFrom: '2026-01-01', excludedFields: [] },
    });
    expect(await put(['feeMinor'], path)).toMatchObject({
      json: { historyFrom: '2026-01-01', excludedFields: ['feeMinor'] },
    });
    expect(await api.send('PUT', path, { json: { historyFrom: null } })).toMatchObject({
      json: { historyFrom: null, excludedFields: ['feeMinor'] },
    });
    for (const historyFrom of [
      '2026-02-30',
      '0000-01-01',
      '9999-12-31',
      'yesterday',
      '2026-01-01T00:00:00Z',
      20260101,
      '',
    ])
      expect(await api.send('PUT', path, { json: { historyFrom } })).toMatchObject({
        status: 400,
        json: { code: 'invalid-request', errors: [{ path: 'historyFrom' }] },
      });
  });

  it('cannot begin at a day for what the provider does not date', async () => {
    const id = await api.aConnection(await api.aVenue());
    const [{ venue_id: of }] = await api.database.admin<[{ venue_id: string }]>`
      update connections set provider = 'square' where id = ${id} returning venue_id`;
    for (const resource of ['products', 'inventory'])
      expect(await api.send('PUT', pathOf(resource, id, of), { json: { historyFrom: '2026-01-01' } })).toMatchObject({
        status: 422,
        json: { code: 'history-not-limitable' },
      });
  });

  it('is nothing to another venue, and to be changed by an admin alone', async () => {
    const other = await api.aVenue();
    expect(await put([], pathOf('customers', connectionId, other))).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
    expect(await put([], pathOf('customers', uuidv7()))).toMatchObject({ status: 404 });
    const operator = await aToken({ role: 'operator', venues: [venueId] });
    expect((await put([], pathOf('customers'), operator)).status).toBe(403);
  });
});
