import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attemptOf } from '../../../api/connections/authorization-states.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { CONNECTION_STATES } from '../../../contracts/providers.ts';
import type { ConnectionState } from '../../../contracts/providers.ts';
import { until } from '../../support/eventually.ts';
import { aToken, createApiWorld, RETURN_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let base: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  base = `/v1/venues/${venueId}/connections`;
});
afterEach(() => {
  api.connectionGateway.away = false;
  api.connectionGateway.noWorker = false;
});

const aKeyConnection = () => api.aConnection(venueId) as Promise<ConnectionId>;

/** A connection by consent, as the attempt's end leaves it. */
async function aGrantedConnection(state: ConnectionState = 'active'): Promise<ConnectionId> {
  const connectionId = uuidv7() as ConnectionId;
  await api.connectionActions.insertConnecting({
    venueId,
    connectionId,
    provider: 'square',
    environment: api.environmentOf('square'),
    flow: 'code',
    nextAction: 'Approve.',
  });
  const { admin } = api.database;
  await admin`update connections set state = ${state}, cause = null, next_action = null, external_account_id = ${state === 'connecting' ? null : connectionId} where id = ${connectionId}`;
  return connectionId;
}

const post = (id: string, action: string, options: object = {}) => api.send('POST', `${base}/${id}/${action}`, options);
const remove = (id: string, query = '') => api.send('DELETE', `${base}/${id}${query}`);
const stateOf = async (id: string) => (await api.send('GET', `${base}/${id}`)).json.state;
const audits = async () =>
  (
    await api.database
      .admin`select action, actor, outcome, target_id, details from audit_log where venue_id = ${venueId} order by id`
  ).map((row) => ({ ...row }));
const actions = async () => (await audits()).map((row) => (row as { action: string }).action);
const asked = (id: string) => api.connectionGateway.disconnected.filter(({ connectionId }) => connectionId === id);

describe('disconnecting', () => {
  it.each([
    ['', 'keep'],
    ['?records=keep', 'keep'],
    ['?records=delete', 'delete'],
  ] as const)(
    'with %j asks the token manager to end the connection and answers 202 disconnecting',
    async (query, records) => {
      const id = await aKeyConnection();
      expect(await remove(id, query)).toMatchObject({ status: 202, json: { id, state: 'disconnecting' } });
      expect(asked(id)).toEqual([{ venueId, connectionId: id, provider: 'stripe', records, requestedBy: 'tester' }]);
      expect((await audits()).at(-1)).toMatchObject({
        action: 'connection.disconnect-requested',
        actor: 'tester',
        outcome: 'ok',
        target_id: id,
        details: { provider: 'stripe', records },
      });
    },
  );

  it('again succeeds, also when it is done', async () => {
    const id = await aKeyConnection();
    await remove(id);
    expect((await remove(id)).status).toBe(202);
    await api.connections.setState(
      { venueId, connectionId: id },
      { state: 'disconnected', cause: 'Asked for.', nextAction: null },
    );
    expect(await remove(id)).toMatchObject({ status: 202, json: { state: 'disconnected' } });
    expect(asked(id)).toHaveLength(2);
  });

  it('of a connection that was never approved withdraws the attempt', async () => {
    const id = await aGrantedConnection('connecting');
    expect((await remove(id)).status).toBe(202);
    expect(api.connectionGateway.withdrawn).toContain(id);
  });

  it('of another venue’s connection is 404, and sends no request to a workflow', async () => {
    const id = await aKeyConnection();
    const other = await api.aVenue();
    expect(await api.send('DELETE', `/v1/venues/${other}/connections/${id}`)).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
    expect(asked(id)).toEqual([]);
  });

  it.each([
    ['away', 'temporal-unavailable'],
    ['noWorker', 'worker-unavailable'],
  ] as const)(
    'while no workflow can take the request (%s) is 503, and leaves the connection as it was',
    async (fault, code) => {
      const id = await aKeyConnection();
      api.connectionGateway[fault] = true;
      expect(await remove(id)).toMatchObject({ status: 503, json: { code } });
      expect(await stateOf(id)).toBe('active');
      expect(await actions()).not.toContain('connection.disconnect-requested');
    },
  );

  it.each(['?records=archive', '?records=', '?record=keep'])('rejects %s', async (query) => {
    expect(await remove(await aKeyConnection(), query)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
  });
});

describe('reauthorizing', () => {
  it.each(['active', 'degraded', 'needs-reauth', 'suspended'] as const)(
    'a connection that is %s answers a URL for the account owner, and leaves the connection as it is',
    async (state) => {
      const id = await aGrantedConnection(state);
      const answer = await post(id, 'reauthorize', { json: { returnUrl: RETURN_URL, scopes: ['ITEMS_READ'] } });
      expect(answer).toMatchObject({ status: 200, json: { id, state } });
      const attempt = attemptOf(new URL(answer.json.authorizationUrl).searchParams.get('state') ?? '');
      expect(api.connectionGateway.inputs.get(attempt)).toMatchObject({
        venueId,
        connectionId: id,
        reauthorize: true,
        flow: 'code',
        requestedBy: 'tester',
      });
      expect(await stateOf(id)).toBe(state);
      expect((await audits()).at(-1)).toMatchObject({ action: 'connection.reauthorize-requested', target_id: id });
    },
  );

  it('accepts an empty body', async () => {
    expect((await post(await aGrantedConnection(), 'reauthorize')).status).toBe(200);
    expect((await post(await aGrantedConnection(), 'reauthorize', { json: {} })).status).toBe(200);
    expect(
      (await post(await aGrantedConnection(), 'reauthorize', { body: 'x', headers: { 'content-type': 'text/plain' } }))
        .status,
    ).toBe(415);
  });

  it('a connection that was never approved starts another attempt, for any account', async () => {
    const id = await aGrantedConnection('connecting');
    const answer = await post(id, 'reauthorize');
    const attempt = attemptOf(new URL(answer.json.authorizationUrl).searchParams.get('state') ?? '');
    expect(api.connectionGateway.inputs.get(attempt)).toMatchObject({ connectionId: id, reauthorize: false });
  });

  it.each(['disconnecting', 'disconnected'] as const)('a connection that is %s is 409', async (state) => {
    const id = await aGrantedConnection(state);
    const answer = await post(id, 'reauthorize');
    expect(answer).toMatchObject({ status: 409, json: { code: 'connection-not-reauthorizable' } });
    expect(answer.json.detail).toContain(state);
  });

  it('a connection with a key explains how to replace the key', async () => {
    const answer = await post(await aKeyConnection(), 'reauthorize');
    expect(answer).toMatchObject({ status: 409, json: { code: 'connection-not-reauthorizable' } });
    expect(answer.json.detail).toContain('POST …/connections');
  });

  it('a disconnected connection that had a key says to connect the account again, as a replacement of its key would', async () => {
    const id = await aKeyConnection();
    await api.database.admin`update connections set state = 'disconnected' where id = ${id}`;
    expect((await post(id, 'reauthorize')).json.detail).toBe('It is disconnected: connect the account again.');
  });

  it('another venue’s connection is 404', async () => {
    const id = await aGrantedConnection();
    const other = await api.aVenue();
    expect(await api.send('POST', `/v1/venues/${other}/connections/${id}/reauthorize`)).toMatchObject({ status: 404 });
  });
});

describe('testing', () => {
  it.each([
    ['accepted', null, null],
    ['refused', null, null],
    ['unavailable', 'provider-unexpected', 'provider-unexpected-response'],
    ['unavailable', 'permissions-missing', 'credentials-insufficient'],
  ] as const)(
    'answers that the credentials are %s, with the reason and the connection, and writes an audit row',
    async (outcome, refusal, code) => {
      api.connectionGateway.testResult = { outcome, refusal };
      const id = await aKeyConnection();
      const answer = await post(id, 'test', { token: await aToken({ role: 'operator' }) });
      expect(answer).toMatchObject({ status: 200, json: { outcome, code, connection: { id, state: 'active' } } });
      expect((await audits()).at(-1)).toMatchObject({ action: 'connection.tested', details: { result: outcome } });
    },
  );

  it.each(CONNECTION_STATES.filter((state) => !['active', 'degraded'].includes(state)))(
    'makes no provider call for a connection that is %s',
    async (state) => {
      const id = await aGrantedConnection(state);
      expect(await post(id, 'test')).toMatchObject({ status: 409, json: { code: 'connection-not-active' } });
      expect(api.connectionGateway.tested).not.toContain(id);
    },
  );
});

describe('suspending and resuming', () => {
  it('records who did it, notifies the token manager, and syncs are rejected meanwhile', async () => {
    const id = await aKeyConnection();
    expect(await post(id, 'suspend')).toMatchObject({
      status: 200,
      json: { state: 'suspended', cause: 'Suspended by tester.' },
    });
    const order = { connectionId: id, resource: 'customers', direction: 'pull', mode: 'full' };
    expect(await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).toMatchObject({
      status: 409,
      json: { code: 'connection-not-active' },
    });
    expect(await post(id, 'resume')).toMatchObject({
      status: 200,
      json: { state: 'active', cause: null, nextAction: null },
    });
    await until(() => api.connectionGateway.looked.filter((looked) => looked === id).length === 2, {
      limitMs: 20_000,
      what: 'the owner was told twice',
    });
    expect((await actions()).slice(-2)).toEqual(['connection.suspended', 'connection.resumed']);
  });

  it('wakes the runs that waited', async () => {
    const id = await aKeyConnection();
    const order = { connectionId: id, resource: 'customers', direction: 'pull', mode: 'full' };
    const run = (await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).json.id;
    await post(id, 'suspend');
    await post(id, 'resume');
    await until(() => api.gateway.woken.some((woken) => woken.id === run), {
      limitMs: 20_000,
      what: 'the run is woken',
    });
  });

  it('twice has one effect: one entry in the audit trail, and the original time', async () => {
    const id = await aKeyConnection();
    const first = await post(id, 'suspend');
    const second = await post(id, 'suspend');
    expect(second.json).toEqual(first.json);
    await Promise.all([post(id, 'resume'), post(id, 'resume')]);
    expect(await stateOf(id)).toBe('active');
    expect((await actions()).filter((action) => action === 'connection.suspended')).toHaveLength(1);
  });

  it.each(CONNECTION_STATES.filter((state) => !['active', 'degraded', 'suspended'].includes(state)))(
    'is refused for a connection that is %s',
    async (state) => {
      const id = await aGrantedConnection(state);
      const [suspended, resumed] = [await post(id, 'suspend'), await post(id, 'resume')];
      expect(suspended).toMatchObject({ status: 409, json: { code: 'connection-not-suspendable' } });
      expect(resumed).toMatchObject({ status: 409, json: { code: 'connection-not-suspended' } });
      expect(suspended.json.detail).toContain(state);
      expect(await stateOf(id)).toBe(state);
    },
  );

  it('works although Temporal is away, because the stored state counts', async () => {
    const id = await aKeyConnection();
    api.connectionGateway.away = true;
    expect((await post(id, 'suspend')).status).toBe(200);
    expect(await stateOf(id)).toBe('suspended');
  });

  it('needs an operator, and is 404 for another venue', async () => {
    const id = await aKeyConnection();
    const other = await api.aVenue();
    expect((await post(id, 'suspend', { token: await aToken({ role: 'operator' }) })).status).toBe(200);
    expect((await post(id, 'resume', { token: await aToken({ role: 'viewer' }) })).status).toBe(403);
    expect((await api.send('POST', `/v1/venues/${other}/connections/${id}/resume`)).status).toBe(404);
    expect(await stateOf(id)).toBe('suspended');
  });
});
