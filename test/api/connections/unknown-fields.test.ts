import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
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

const read = (resource: string, id = connectionId, of: string = venueId) =>
  api.send('GET', `/v1/venues/${of}/connections/${id}/reach/${resource}/unknown-fields`);

describe('the unknown fields of a connection’s resource', () => {
  it('are nothing to another venue, and refused for what the provider does not sync', async () => {
    const other = await api.aVenue();
    expect(await read('customers', connectionId, other)).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
    expect(await read('customers', uuidv7())).toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
    expect(await read('inventory')).toMatchObject({ status: 422, json: { code: 'resource-not-supported' } });
    expect(await read('shoes')).toMatchObject({ status: 404, json: { code: 'reach-not-found' } });
  });

  it('are listed with when they were seen and have vanished, first seen first', async () => {
    expect(await read('customers')).toMatchObject({ status: 200, json: { data: [], nextCursor: null } });
    const [first, second, third] = ['01', '02', '03'].map((day) => `2026-11-${day}T00:00:00.000Z`);
    await api.database.admin`
      insert into unknown_fields (connection_id, resource, path, venue_id, kind, first_seen_at, last_seen_at, vanished_at) values
        (${connectionId}, 'customers', 'metadata.a', ${venueId}, 'custom-field', ${second!}, ${third!}, ${third!}),
        (${connectionId}, 'customers', 'status', ${venueId}, 'value', ${first!}, ${first!}, null),
        (${connectionId}, 'products', 'metadata.b', ${venueId}, 'custom-field', ${first!}, ${first!}, null)`;
    expect((await read('customers')).json.data).toEqual([
      { path: 'status', kind: 'value', firstSeenAt: first, lastSeenAt: first, vanishedAt: null },
      { path: 'metadata.a', kind: 'custom-field', firstSeenAt: second, lastSeenAt: third, vanishedAt: third },
    ]);
  });
});
