import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  path = await mappingOf('stripe', 'customers');
});

async function mappingOf(provider: 'stripe' | 'square' | 'quickbooks', resource: string): Promise<string> {
  const connection = { venueId, connectionId: uuidv7() as ConnectionId };
  const environment = api.environmentOf(provider);
  await api.connectionActions.insertConnecting({
    ...{ ...connection, provider, environment, flow: 'code', nextAction: 'Approve.' },
  });
  await api.database.admin`update connections set state = 'active', cause = null, next_action = null,
    external_account_id = ${connection.connectionId} where id = ${connection.connectionId}`;
  return `/v1/venues/${venueId}/connections/${connection.connectionId}/mappings/${resource}`;
}

const put = (body: object, at = path) => api.send('PUT', at, { json: { fields: [], ...body } });
const get = () => api.send('GET', path);

describe('the merge policies of a mapping', () => {
  it.each([
    [{ policy: 'loudest' }, 'policy'],
    [{ policy: null }, 'policy'],
    [{ deletionPolicy: 'loudest' }, 'deletionPolicy'],
    [{ deletionPolicy: true }, 'deletionPolicy'],
  ])('refuses %j and names the field', async (body, wrong) => {
    const answer = await put(body);
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(answer.json.errors.map((error) => error.path)).toEqual([wrong]);
    expect((await get()).json).toMatchObject({ version: 0 });
  });

  it('are review without a mapping, and a deletion follows the policy of the fields unless it has its own', async () => {
    expect((await get()).json).toMatchObject({ policy: 'review', deletionPolicy: 'review' });
    expect((await put({ policy: 'provider' })).json).toMatchObject({ policy: 'provider', deletionPolicy: 'provider' });
    expect((await put({ policy: 'newest', deletionPolicy: 'venue' })).json).toMatchObject({
      policy: 'newest',
      deletionPolicy: 'venue',
    });
    expect((await get()).json).toMatchObject({ version: 2, policy: 'newest', deletionPolicy: 'venue' });
  });

  it('are versioned and audited, and a rollback brings both back', async () => {
    await put({ policy: 'provider', deletionPolicy: 'venue' });
    await put({ policy: 'venue' });
    const { json } = await api.send('POST', `${path}/rollback`, { json: { version: 1 } });
    expect(json).toMatchObject({ version: 3, policy: 'provider', deletionPolicy: 'venue', restoredVersion: 1 });
    const versions = (await api.send('GET', `${path}/versions`)).json.data as unknown as readonly object[];
    expect(versions).toMatchObject([
      { version: 3, policy: 'provider', deletionPolicy: 'venue' },
      { version: 2, policy: 'venue', deletionPolicy: 'venue' },
      { version: 1, policy: 'provider', deletionPolicy: 'venue' },
      { version: 0, policy: 'review', deletionPolicy: 'review' },
    ]);
    const audit = await api.database.admin<{ details: object }[]>`
      select details from audit_log where venue_id = ${venueId} and action = 'mapping.changed' order by id`;
    expect(audit.map(({ details }) => details)).toMatchObject([
      { version: 1, policy: 'provider', deletionPolicy: 'venue' },
      { version: 2, policy: 'venue', deletionPolicy: 'venue' },
    ]);
  });

  it('make no new version where they are what the defaults would be', async () => {
    for (const body of [{}, { policy: 'review' }, { policy: 'review', deletionPolicy: 'review' }])
      expect((await put(body)).json).toMatchObject({ version: 0 });
    await put({ policy: 'venue' });
    expect((await put({ policy: 'venue', deletionPolicy: 'venue' })).json).toMatchObject({ version: 1 });
  });

  it('are sent back as they were read without a new version', async () => {
    const { policy, deletionPolicy } = (await put({ policy: 'newest', deletionPolicy: 'provider' }))
      .json as unknown as {
      policy: string;
      deletionPolicy: string;
    };
    expect((await put({ policy, deletionPolicy })).json).toMatchObject({ version: 1 });
  });

  it.each([
    ['square', 'customers', { deletionPolicy: 'newest' }, ['deletionPolicy']],
    ['square', 'customers', { policy: 'newest' }, ['deletionPolicy']],
    ['square', 'inventory', { deletionPolicy: 'newest' }, ['deletionPolicy']],
    [
      'stripe',
      'transactions',
      {
        policy: 'newest',
        fields: [{ target: 'feeMinor', source: 'feeMinor', direction: 'pull', policy: 'newest' }],
      },
      ['fields.0.policy', 'policy', 'deletionPolicy'],
    ],
  ] as const)(
    'refuse newest for %s %s where the provider does not tell the time: %j',
    async (provider, resource, body, wrong) => {
      const at = await mappingOf(provider, resource);
      const answer = await put(body, at);
      expect(answer).toMatchObject({ status: 422, json: { code: 'merge-policy-not-supported' } });
      expect(answer.json.errors.map((error) => error.path)).toEqual(wrong);
      expect((await api.send('GET', at)).json).toMatchObject({ version: 0 });
    },
  );

  it.each([
    ['square', 'customers', { policy: 'newest', deletionPolicy: 'review' }],
    ['square', 'inventory', { policy: 'newest', deletionPolicy: 'review' }],
    ['square', 'products', { policy: 'newest' }],
    ['stripe', 'products', { policy: 'newest' }],
    ['stripe', 'customers', { policy: 'newest' }],
    ['quickbooks', 'products', { policy: 'newest' }],
    ['quickbooks', 'customers', { policy: 'newest' }],
  ] as const)('take newest for %s %s, whose times are told: %j', async (provider, resource, body) => {
    expect(await put(body, await mappingOf(provider, resource))).toMatchObject({ status: 200, json: { version: 1 } });
  });
});
