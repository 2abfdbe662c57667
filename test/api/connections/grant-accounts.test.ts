import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthorizationRefusal } from '../../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef, VenueId } from '../../../contracts/ids.ts';
import type { ConnectionState, ProviderId } from '../../../contracts/providers.ts';
import { createAccountChoiceStore } from '../../../db/connections/account-choice-store.ts';
import { aToken, createApiWorld, pathsOf } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

const BAR = { id: 'L1', name: 'Bar' };
const CAFE = { id: 'L2', name: 'Café' };
const KIOSK = { id: 'L3', name: null };

let api: ApiWorld;
let venueId: VenueId;
/** What the provider lists when it is asked. */
let listed: readonly { readonly id: string; readonly name: string | null }[];

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  listed = [BAR, CAFE, KIOSK];
  api.connectionGateway.onListAccounts = async (connection) => {
    await createAccountChoiceStore(api.database.db).noteListed(connection, listed);
    return { outcome: 'accepted', refusal: null };
  };
});
afterEach(() => {
  api.connectionGateway.away = false;
  api.connectionGateway.noWorker = false;
});

async function aGrantedConnection(provider: ProviderId = 'square', state: ConnectionState = 'active') {
  const connectionId = uuidv7() as ConnectionId;
  const ref = { venueId, connectionId };
  const environment = api.environmentOf(provider);
  await api.connectionActions.insertConnecting({ ...ref, provider, environment, flow: 'code', nextAction: 'Approve.' });
  await api.database
    .admin`update connections set state = ${state}, cause = null, next_action = null, external_account_id = ${
    state === 'connecting' ? null : connectionId
  } where id = ${connectionId}`;
  return ref;
}

const pathOf = (ref: ConnectionRef) => `/v1/venues/${ref.venueId}/connections/${ref.connectionId}/accounts`;
const get = (ref: ConnectionRef, options = {}) => api.send('GET', pathOf(ref), options);
const put = (ref: ConnectionRef, chosen: unknown, options = {}) =>
  api.send('PUT', pathOf(ref), { json: { chosen }, ...options });
const asked = ({ connectionId }: ConnectionRef) =>
  api.connectionGateway.listed.filter((id) => id === connectionId).length;
const audits = async ({ connectionId }: ConnectionRef) =>
  (
    await api.database
      .admin`select action, actor, details from audit_log where target_id = ${connectionId} and action like '%accounts%' order by id`
  ).map((row) => ({ ...row }));
const chosenIn = ({ json }: Answered) =>
  (json.data as unknown as { id: string; chosen: boolean }[]).filter(({ chosen }) => chosen).map(({ id }) => id);

describe('the accounts that a grant opens', () => {
  it.each(['GET', 'PUT'])('of another venue’s connection answer 404 to %s, and nobody is asked', async (method) => {
    const ref = await aGrantedConnection();
    const other = { ...ref, venueId: await api.aVenue() };
    const json = { chosen: ['L1'] };
    const answer = await api.send(method, pathOf(other), method === 'PUT' ? { json } : {});
    expect(answer).toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
    const token = await aToken({ venues: [other.venueId] });
    expect(await api.send(method, pathOf(ref), { token, ...(method === 'PUT' && { json }) })).toMatchObject({
      status: 404,
    });
    expect(asked(ref)).toBe(0);
  });

  it.each(['viewer', 'operator'] as const)('are listed for a %s, who may not choose', async (role) => {
    const ref = await aGrantedConnection();
    const token = await aToken({ role });
    expect((await get(ref, { token })).status).toBe(200);
    expect(await put(ref, ['L1'], { token })).toMatchObject({ status: 403 });
    expect(chosenIn(await get(ref))).toEqual(['L1', 'L2', 'L3']);
    expect(await audits(ref)).toEqual([]);
  });

  it('cannot be chosen with a provider whose grant opens one account', async () => {
    const ref = await aGrantedConnection('quickbooks');
    for (const answer of [await get(ref), await put(ref, ['L1'])])
      expect(answer).toMatchObject({ status: 409, json: { code: 'accounts-not-choosable' } });
    expect(asked(ref)).toBe(0);
  });

  it('cannot be chosen with a key in place of its owner’s consent', async () => {
    const ref = await aGrantedConnection();
    await api.database.admin`update connections set flow = null where id = ${ref.connectionId}`;
    for (const answer of [await get(ref), await put(ref, ['L1'])])
      expect(answer).toMatchObject({ status: 409, json: { code: 'accounts-not-choosable' } });
  });

  it.each(['connecting', 'needs-reauth', 'suspended', 'disconnecting', 'disconnected'] as const)(
    'of a connection that is %s answer 409',
    async (state) => {
      const ref = await aGrantedConnection('square', state);
      for (const answer of [await get(ref), await put(ref, ['L1'])])
        expect(answer).toMatchObject({ status: 409, json: { code: 'connection-not-active' } });
      expect(asked(ref)).toBe(0);
    },
  );

  it.each([
    ['away', 'temporal-unavailable'],
    ['noWorker', 'worker-unavailable'],
  ] as const)('while nobody can ask the provider (%s) answer 503, and the choice stays', async (fault, code) => {
    const ref = await aGrantedConnection();
    await put(ref, ['L2']);
    api.connectionGateway[fault] = true;
    for (const answer of [await get(ref), await put(ref, ['L1'])])
      expect(answer).toMatchObject({ status: 503, json: { code } });
    api.connectionGateway[fault] = false;
    expect(chosenIn(await get(ref))).toEqual(['L2']);
  });

  it.each([
    ['permissions-missing', 422, 'credentials-insufficient'],
    ['provider-unavailable', 503, 'provider-unavailable'],
    ['provider-unexpected', 502, 'provider-unexpected-response'],
    ['vault-unavailable', 503, 'vault-unavailable'],
    ['interrupted', 503, 'worker-unavailable'],
  ] as const satisfies readonly (readonly [AuthorizationRefusal, number, string])[])(
    'that the provider does not tell (%s) answer %i %s',
    async (refusal, status, code) => {
      const ref = await aGrantedConnection();
      api.connectionGateway.onListAccounts = () => Promise.resolve({ outcome: 'unavailable', refusal });
      for (const answer of [await get(ref), await put(ref, ['L1'])])
        expect(answer).toMatchObject({ status, json: { code } });
      expect(await audits(ref)).toEqual([]);
    },
  );

  it('of a grant that the provider refuses answer 422', async () => {
    const ref = await aGrantedConnection();
    api.connectionGateway.onListAccounts = () => Promise.resolve({ outcome: 'refused', refusal: null });
    expect(await get(ref)).toMatchObject({ status: 422, json: { code: 'credentials-refused' } });
  });

  it.each([
    ['nothing', undefined, 'chosen'],
    ['no account', [], 'chosen'],
    ['an account twice', ['L1', 'L1'], 'chosen'],
    ['an empty id', ['L1', ''], 'chosen.1'],
    ['a number', ['L1', 2], 'chosen.1'],
    ['a word', 'all', 'chosen'],
    ['an id that is too long', ['x'.repeat(256)], 'chosen.0'],
    ['too many', Array.from({ length: 1_001 }, (_, index) => `L${index}`), 'chosen'],
  ])('are not chosen by %s', async (_what, chosen, path) => {
    const ref = await aGrantedConnection();
    const answer = await put(ref, chosen);
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors)).toContain(path);
    expect(asked(ref)).toBe(0);
  });

  it('are not chosen by an id that the grant does not open, which is named by its place alone', async () => {
    const ref = await aGrantedConnection();
    await put(ref, ['L2']);
    const answer = await put(ref, ['L1', 'somebody-elses', 'L3', 'another']);
    expect(answer).toMatchObject({ status: 422, json: { code: 'account-not-granted' } });
    expect(pathsOf(answer.json.errors)).toEqual(['chosen.1', 'chosen.3']);
    expect(answer.text).not.toContain('somebody-elses');
    expect(chosenIn(await get(ref))).toEqual(['L2']);
    expect(await audits(ref)).toHaveLength(1);
  });

  it('are all chosen until somebody chooses, also those that come later', async () => {
    const ref = await aGrantedConnection();
    listed = [BAR];
    expect((await get(ref)).json).toMatchObject({
      data: [{ ...BAR, kind: 'location', chosen: true, gone: false }],
      nextCursor: null,
      all: true,
      listedAt: expect.any(String) as string,
    });
    listed = [BAR, CAFE];
    expect(chosenIn(await get(ref))).toEqual(['L1', 'L2']);
  });

  it('are chosen by their ids, with who did it in the audit log, and all again by null', async () => {
    const ref = await aGrantedConnection();
    const answer = await put(ref, ['L3', 'L1']);
    expect(answer).toMatchObject({ status: 200, json: { all: false } });
    expect(answer.json.data).toEqual([
      { ...BAR, kind: 'location', chosen: true, gone: false },
      { ...CAFE, kind: 'location', chosen: false, gone: false },
      { ...KIOSK, kind: 'location', chosen: true, gone: false },
    ]);
    // One that comes later is not chosen by itself.
    listed = [BAR, CAFE, KIOSK, { id: 'L4', name: 'New' }];
    expect(chosenIn(await get(ref))).toEqual(['L1', 'L3']);
    expect((await put(ref, null)).json).toMatchObject({ all: true });
    expect(chosenIn(await get(ref))).toEqual(['L1', 'L2', 'L3', 'L4']);
    expect(await audits(ref)).toEqual([
      {
        action: 'connection.accounts-chosen',
        actor: 'tester',
        details: { provider: 'square', all: false, accounts: 2, ids: 'L3 L1' },
      },
      { action: 'connection.accounts-chosen', actor: 'tester', details: { provider: 'square', all: true } },
    ]);
  });

  it('may be chosen twice alike: the second changes nothing', async () => {
    const ref = await aGrantedConnection();
    const first = await put(ref, ['L1', 'L2']);
    expect((await put(ref, ['L2', 'L1'])).json.data).toEqual(first.json.data);
    expect(await audits(ref)).toHaveLength(1);
    await Promise.all([put(ref, ['L3']), put(ref, ['L3']), put(ref, ['L3'])]);
    expect(await audits(ref)).toHaveLength(2);
  });

  it('that have gone are shown as gone, stay chosen where they were, and cannot be chosen anew', async () => {
    const ref = await aGrantedConnection();
    await put(ref, ['L1', 'L2']);
    listed = [BAR];
    expect((await get(ref)).json.data).toEqual([
      { ...BAR, kind: 'location', chosen: true, gone: false },
      { ...CAFE, kind: 'location', chosen: true, gone: true },
      { ...KIOSK, kind: 'location', chosen: false, gone: true },
    ]);
    // Whoever sends back what was chosen is not refused for what has gone meanwhile.
    expect((await put(ref, ['L1', 'L2'])).status).toBe(200);
    expect(await put(ref, ['L1', 'L2', 'L3'])).toMatchObject({ status: 422, json: { code: 'account-not-granted' } });
    expect((await put(ref, ['L1'])).status).toBe(200);
    expect((await put(ref, ['L2'])).status).toBe(422);
    listed = [BAR, CAFE];
    expect((await put(ref, ['L2'])).status).toBe(200);
  });
});
