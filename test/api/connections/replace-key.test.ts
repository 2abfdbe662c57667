import { v7 as uuidv7 } from 'uuid';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { ConnectionState } from '../../../contracts/providers.ts';
import { until } from '../../support/eventually.ts';
import { aKey, createApiWorld, pathsOf } from '../api-world.ts';
import type { Answered, ApiWorld, SendOptions } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = (await api.aConnection(venueId)) as ConnectionId;
  path = `/v1/venues/${venueId}/connections/${connectionId}`;
});
afterEach(async () => {
  api.gateway.away = false;
  await api.stripe.clearFaults();
});

const withKey = (secretKey = api.sandbox.secretKey) => ({ credentials: { secretKey } });
const replace = (options: SendOptions = { json: withKey() }, at = path) => api.send('PATCH', at, options);
const shown = async () => (await api.send('GET', path)).json;
const generation = async () => (await api.connections.findApiKey({ venueId, connectionId }))?.generation;
const setState = (state: ConnectionState, of = connectionId) =>
  api.connections.setState({ venueId, connectionId: of }, { state, cause: 'A test.', nextAction: 'Look at the test.' });
const audits = async () =>
  (
    await api.database
      .admin`select action, outcome, actor, target_id, details from audit_log where venue_id = ${venueId} order by id`
  ).map((row) => ({ ...row }));
const lastAudit = async () => (await audits()).at(-1);
const callsSince = async (since: number) => (await api.stripe.calls(since)).map((call) => call.path);

/** Refused, and nothing of the connection has changed. */
async function expectRefused(options: SendOptions, expected: object): Promise<Answered> {
  const before = await shown();
  const answer = await replace(options);
  expect(answer).toMatchObject(expected);
  expect([await shown(), await generation()]).toEqual([before, 1]);
  return answer;
}

describe('a new key for a connection', () => {
  it.each([
    ['an empty body', {}, ['credentials']],
    ['no fields of the credentials', { credentials: {} }, ['credentials.secretKey']],
    ['null', { credentials: null }, ['credentials']],
    ['an empty key', { credentials: { secretKey: '' } }, ['credentials.secretKey']],
    ['a key with a line break', { credentials: { secretKey: 'sk_test_a\nb' } }, ['credentials.secretKey']],
    [
      'several wrong fields',
      { provider: 'stripe', state: 'active', credentials: { publishableKey: 'x', secretKey: 7 } },
      ['credentials.publishableKey', 'credentials.secretKey', 'provider', 'state'],
    ],
  ])('is rejected for %s, and every wrong field is named at once', async (_case, json, paths) => {
    const since = Date.now();
    const answer = await replace({ json });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors).sort()).toEqual(paths);
    expect([await generation(), await callsSince(since)]).toEqual([1, []]);
  });

  it('is not found under another venue, nor under an id that the venue does not have', async () => {
    const other = await api.aVenue();
    const since = Date.now();
    for (const at of [
      `/v1/venues/${other}/connections/${connectionId}`,
      `/v1/venues/${venueId}/connections/${uuidv7()}`,
    ]) {
      expect(await replace(undefined, at)).toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
      // Also for a body that is wrong: the answer tells nothing of what is there.
      expect(await replace({ json: {} }, at)).toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
    }
    expect([await generation(), await callsSince(since)]).toEqual([1, []]);
  });

  it('changes nothing when it belongs to another account, of which no record is read', async () => {
    const { secretKey, id } = await api.stripe.addAccount();
    const since = Date.now();
    await expectRefused({ json: withKey(secretKey) }, { status: 409, json: { code: 'wrong-account' } });
    expect(await callsSince(since)).toEqual(['/v1/account']);
    const refused = await lastAudit();
    expect(refused).toMatchObject({
      ...{ action: 'connection.refused', outcome: 'refused', target_id: connectionId },
      details: { provider: 'stripe', code: 'wrong-account' },
    });
    expect(JSON.stringify(refused)).not.toContain(id);
  });

  it('changes nothing when it belongs to another account that the venue has connected as well', async () => {
    const { secretKey } = await api.stripe.addAccount();
    const other = await api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(secretKey) });
    await expectRefused({ json: withKey(secretKey) }, { status: 409, json: { code: 'wrong-account' } });
    expect(
      (await api.connections.findApiKey({ venueId, connectionId: other.json.id as ConnectionId }))?.generation,
    ).toBe(1);
  });

  it('changes nothing when Stripe does not know it', async () => {
    await expectRefused(
      { json: withKey('sk_test_0123456789abcdefghijklmn') },
      { status: 422, json: { code: 'credentials-refused' } },
    );
    expect(await lastAudit()).toMatchObject({
      action: 'connection.refused',
      details: { code: 'credentials-refused' },
    });
  });

  it('changes nothing when it may not read what a sync reads', async () => {
    const account = (await api.stripe.addAccount()) as unknown as { secretKey: string; restrictedKey: string };
    const own = await api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(account.secretKey) });
    const answer = await replace(
      { json: withKey(account.restrictedKey) },
      `/v1/venues/${venueId}/connections/${own.json.id}`,
    );
    expect(answer).toMatchObject({ status: 422, json: { code: 'credentials-insufficient' } });
  });

  it('changes nothing when it is of the other environment', async () => {
    await api.database.admin`update connections set environment = 'production' where id = ${connectionId}`;
    await expectRefused({ json: withKey() }, { status: 422, json: { code: 'environment-mismatch' } });
  });

  it.each([
    ['fails', { kind: 'status', status: 500 }, 'provider-unavailable'],
    ['cuts the line', { kind: 'reset' }, 'provider-unavailable'],
    ['answers half', { kind: 'truncate' }, 'provider-unavailable'],
    ['is too busy', { kind: 'status', status: 429 }, 'provider-rate-limited'],
  ])('is answered 503 with Retry-After when Stripe %s, and changes nothing', async (_case, fault, code) => {
    await api.stripe.fault({ match: { path: '/v1/account' }, times: 1, ...fault });
    const refused = await expectRefused({ json: withKey() }, { status: 503, json: { code } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await replace()).toMatchObject({ status: 200 });
  });

  it.each(['active', 'needs-reauth', 'suspended', 'connecting'] as const)(
    'is refused for one by consent that is %s, with what to do instead, without asking the provider',
    async (state) => {
      const granted = uuidv7() as ConnectionId;
      await api.connectionActions.insertConnecting({
        ...{ venueId, connectionId: granted, provider: 'stripe', environment: 'sandbox', flow: 'code' },
        nextAction: 'Approve.',
      });
      await api.database
        .admin`update connections set state = ${state}, external_account_id = ${state === 'connecting' ? null : granted} where id = ${granted}`;
      const since = Date.now();
      const answer = await replace(undefined, `/v1/venues/${venueId}/connections/${granted}`);
      expect(answer).toMatchObject({ status: 409, json: { code: 'credentials-not-replaceable' } });
      expect(answer.json.detail).toContain('POST …/reauthorize');
      expect(await callsSince(since)).toEqual([]);
      expect(await api.connections.findApiKey({ venueId, connectionId: granted })).toBeNull();
    },
  );

  it.each(['disconnecting', 'disconnected'] as const)('is refused for one that is %s', async (state) => {
    await setState(state);
    const since = Date.now();
    await expectRefused({ json: withKey() }, { status: 409, json: { code: 'connection-not-reauthorizable' } });
    expect(await callsSince(since)).toEqual([]);
  });

  it.each([
    ['disconnecting', 'connection-not-reauthorizable', 409],
    ['disconnected', 'connection-not-reauthorizable', 409],
    ['by consent', 'credentials-not-replaceable', 409],
    ['gone', 'connection-not-found', 404],
  ] as const)(
    'is refused, and revives nothing, when the connection is %s by the time it is tested',
    async (becomes, code, status) => {
      const { secretKey } = await api.stripe.addAccount();
      const { id } = (await api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(secretKey) })).json;
      const { admin } = api.database;
      await api.stripe.fault({ match: { path: '/v1/account' }, kind: 'slow', delayMs: 1_500, times: 1 });
      const since = Date.now();
      const answering = replace({ json: withKey(secretKey) }, `/v1/venues/${venueId}/connections/${id}`);
      // The stand-in notes a call when it is answered, so that only time tells that it is under way.
      await new Promise((resolve) => setTimeout(resolve, 500));
      if (becomes === 'gone') await admin`delete from connections where id = ${id}`;
      else if (becomes === 'by consent') await admin`update connections set flow = 'code' where id = ${id}`;
      else await setState(becomes, id as ConnectionId);
      expect(await answering).toMatchObject({ status, json: { code } });
      expect(await callsSince(since)).toContain('/v1/account');
      const [row] = await admin`
        select state, (select generation from venue_api_keys where connection_id = connections.id) as generation
        from connections where id = ${id}`;
      expect(row ? { ...row } : null).toEqual(
        becomes === 'gone' ? null : { state: becomes === 'by consent' ? 'active' : becomes, generation: 1 },
      );
    },
  );
});

describe('a key that replaces another', () => {
  it('makes the connection active, and is answered with the connection as GET shows it', async () => {
    await setState('needs-reauth');
    const answer = await replace();
    expect(answer).toMatchObject({
      status: 200,
      json: { id: connectionId, venueId, state: 'active', cause: null, nextAction: null, missingScopes: [] },
    });
    expect(answer.json).toEqual(await shown());
    expect(await generation()).toBe(2);
    expect(await lastAudit()).toEqual({
      ...{ action: 'connection.key-replaced', outcome: 'ok', actor: 'tester', target_id: connectionId },
      details: { provider: 'stripe', environment: 'sandbox' },
    });
    await until(() => api.connectionGateway.looked.includes(connectionId), {
      ...{ limitMs: 20_000, what: 'the owner is told' },
    });
  });

  it('leaves the time of an active connection’s state, and another venue’s connection of the account, as they are', async () => {
    const other = await api.aVenue();
    const theirs = (await api.aConnection(other)) as ConnectionId;
    const { since } = (await shown()) as unknown as { since: string };
    const answer = await replace();
    expect(answer).toMatchObject({ status: 200, json: { since } });
    expect(answer.text).not.toContain(other);
    expect((await api.connections.findApiKey({ venueId: other, connectionId: theirs }))?.generation).toBe(1);
  });

  it('leaves a suspended connection suspended until a person resumes it', async () => {
    await setState('suspended');
    expect(await replace()).toMatchObject({ status: 200, json: { state: 'suspended', cause: 'A test.' } });
    expect(await generation()).toBe(2);
  });

  it('leaves a suspended connection suspended when it is sent as POST, which finds it by its account', async () => {
    await setState('suspended');
    const posted = await api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(api.sandbox.secretKey) });
    expect(posted).toMatchObject({
      status: 200,
      json: { id: connectionId, state: 'suspended', cause: 'A test.', nextAction: 'Look at the test.' },
    });
    expect(await generation()).toBe(2);
    expect(await api.send('POST', `${path}/resume`)).toMatchObject({ json: { state: 'active' } });
  });

  it('has a degraded connection start afresh', async () => {
    await setState('degraded');
    expect(await replace()).toMatchObject({ status: 200, json: { state: 'active', cause: null } });
  });

  it('wakes the open runs of the connection, also when Temporal is away at first', async () => {
    const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full' };
    const run = (await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).json.id;
    await setState('needs-reauth');
    api.gateway.away = true;
    const answering = replace();
    await until(async () => (await generation()) === 2, { limitMs: 20_000, what: 'the key is stored' });
    api.gateway.away = false;
    expect(await answering).toMatchObject({ status: 200, json: { state: 'active' } });
    expect(api.gateway.woken.filter(({ id }) => id === run)).toHaveLength(1);
  });

  it('is stored once for a repeat with the same Idempotency-Key, which is answered the same', async () => {
    const headers = { 'idempotency-key': `a new key ${connectionId}` };
    const first = await replace({ json: withKey(), headers });
    const since = Date.now();
    const again = await replace({ json: withKey(), headers });
    expect([again.status, again.text, again.headers.get('idempotency-replayed')]).toEqual([200, first.text, 'true']);
    expect([await generation(), await callsSince(since)]).toEqual([2, []]);
    expect((await audits()).filter(({ action }) => action === 'connection.key-replaced')).toHaveLength(1);
    expect(await replace({ json: withKey('sk_test_another0000'), headers })).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
  });

  it('is stored once for two requests with the same Idempotency-Key at the same time', async () => {
    const headers = { 'idempotency-key': `twins ${connectionId}` };
    const answers = await Promise.all([replace({ json: withKey(), headers }), replace({ json: withKey(), headers })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await generation()).toBe(2);
  });

  it('may be sent several times at once, also as POST: each is stored, one after the other', async () => {
    const post = () => api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(api.sandbox.secretKey) });
    const answers = await Promise.all([replace(), replace(), post(), replace()]);
    expect(answers.map(({ status, json: { id } }) => [status, id])).toEqual(answers.map(() => [200, connectionId]));
    expect(await generation()).toBe(5);
    expect((await api.send('GET', `/v1/venues/${venueId}/connections`)).json.data).toHaveLength(1);
  });

  it('never appears in an answer, a log line or the database, whatever the outcome', async () => {
    const before = api.logLines.length;
    const unknown = 'sk_test_canaryCanaryCanary5678';
    const others = (await api.stripe.addAccount()).secretKey;
    const headers = { 'idempotency-key': `canary ${connectionId}` };
    const answers = [
      await replace({ json: withKey(), headers }),
      await replace({ json: withKey(unknown) }),
      await replace({ json: withKey(others) }),
      await replace({ json: { ...withKey(unknown), provider: 'stripe' } }),
      await replace({
        body: `{"credentials":{"secretKey":"${unknown}"`,
        headers: { 'content-type': 'application/json' },
      }),
    ];
    await api.stripe.fault({ match: { path: '/v1/account' }, times: 1, kind: 'status', status: 500 });
    answers.push(await replace());
    expect(answers.map(({ status }) => status)).toEqual([200, 422, 409, 400, 400, 503]);
    const tables = await api.database
      .admin`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
    const rows = await Promise.all(
      tables.map(({ name }) => api.database.admin`select to_jsonb(t)::text as row from ${api.database.admin(name)} t`),
    );
    const seen = [
      ...answers.map((answer) => answer.text + JSON.stringify([...answer.headers])),
      ...api.logLines.slice(before),
      ...rows.flatMap((result) => result.map(({ row }) => String(row))),
    ].join('\n');
    for (const key of [api.sandbox.secretKey, unknown, others])
      for (const form of [key, Buffer.from(key).toString('base64'), Buffer.from(key).toString('hex')])
        expect(seen).not.toContain(form);
  });
});
