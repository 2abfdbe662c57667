import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createXeroSyncWorld } from './xero-world.ts';
import type { XeroSyncWorld, XeroVenue } from './xero-world.ts';

let world: XeroSyncWorld;
let venue: XeroVenue;
beforeAll(async () => {
  world = await createXeroSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aXeroVenue();
});

const load = (...names: readonly string[]) =>
  world.customers.upsertMany(venue.venueId, names.map((name, index) => ({ sourceId: `c-${index}`, name })) as never);
/** Throws where a chunk has to be repeated. */
const push = async () => (await world.sync(venue, 'push', 'full', { resource: 'customers' })).counts;
const names = async () =>
  (await venue.organisation.objects<Readonly<Record<string, string>>>('Contacts')).map(({ Name }) => Name).sort();
const fail = (method: string, fault: object) =>
  world.xero.fault({ ...fault, status: 500, match: { method, path: '/api.xro/2.0/Contacts' }, times: 1 });

describe('a write that Xero answers with 500, which it keeps under the key', () => {
  it.each([
    ['before it is carried out', { kind: 'status', stored: true }],
    ['after it was carried out', { kind: 'commit-then-fail' }],
  ])('creates each contact once, in the same attempt: %s', async (_, fault) => {
    await load('Ada', 'Bea', 'Cid');
    await fail('PUT', fault);
    expect(await push()).toMatchObject({ created: 3, rejected: 0 });
    expect(await names()).toEqual(['Ada', 'Bea', 'Cid']);
    expect(await push()).toMatchObject({ created: 0, updated: 0, unchanged: 3 });
  });

  it('updates a contact in the same attempt', async () => {
    await load('Ada');
    await push();
    await load('Ada L.');
    await fail('POST', { kind: 'status', stored: true });
    expect(await push()).toMatchObject({ updated: 1, rejected: 0 });
    expect(await names()).toEqual(['Ada L.']);
  });
});
