import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { square } from '../../../providers/square/index.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const BEFORE = ['MERCHANT_PROFILE_READ', 'ITEMS_READ', 'CUSTOMERS_READ', 'PAYMENTS_READ', 'ORDERS_READ'];

/** A connection to Square whose owner has granted these permissions. */
async function aGrant(scopes: readonly string[]): Promise<{ readonly venueId: VenueId; readonly id: string }> {
  const venueId = await api.aVenue();
  const id = await api.aConnection(venueId);
  await api.database
    .admin`update connections set provider = 'square', scopes = ${api.database.admin.json([...scopes])} where id = ${id}`;
  return { venueId, id };
}
const start = ({ venueId, id }: Awaited<ReturnType<typeof aGrant>>, resource: string, direction: string) =>
  api.send('POST', `/v1/venues/${venueId}/syncs`, { json: { connectionId: id, resource, direction, mode: 'full' } });
const read = async ({ venueId, id }: Awaited<ReturnType<typeof aGrant>>) =>
  (await api.send('GET', `/v1/venues/${venueId}/connections/${id}`)).json;

describe('a connection that was approved before more permissions were asked for', () => {
  it('refuses runs that need them, names them and says what to do, and starts what it may', async () => {
    const grant = await aGrant(BEFORE);
    for (const [resource, direction, scope] of [
      ['products', 'push', 'ITEMS_WRITE'],
      ['customers', 'both', 'CUSTOMERS_WRITE'],
      ['inventory', 'pull', 'INVENTORY_READ'],
      ['transactions', 'pull', 'DISPUTES_READ'],
      ['invoices', 'pull', 'INVOICES_READ'],
    ] as const) {
      const answer = await start(grant, resource, direction);
      expect(answer).toMatchObject({ status: 422, json: { code: 'scopes-missing' } });
      expect(answer.text).toContain(scope);
      expect(answer.text).toContain('/reauthorize');
    }
    expect(await start(grant, 'customers', 'pull')).toMatchObject({ status: 202 });
    expect(await start(grant, 'products', 'pull')).toMatchObject({ status: 202 });
  });

  it('shows what it lacks and the version of the provider’s API', async () => {
    expect(await read(await aGrant(BEFORE))).toMatchObject({
      missingScopes: [
        ...['CUSTOMERS_WRITE', 'DISPUTES_READ', 'INVENTORY_READ', 'INVENTORY_WRITE'],
        ...['INVOICES_READ', 'ITEMS_WRITE'],
      ],
      apiVersion: square.apiVersion,
    });
  });

  it('lacks nothing once everything is granted, nor with a token that names no permissions', async () => {
    const all = Object.values(square.neededScopes ?? {}).flatMap((one) => [...(one?.pull ?? []), ...(one?.push ?? [])]);
    for (const scopes of [all, []]) {
      const grant = await aGrant(scopes);
      expect(await read(grant)).toMatchObject({ missingScopes: [] });
      expect(await start(grant, 'transactions', 'pull')).toMatchObject({ status: 202 });
    }
  });
});
