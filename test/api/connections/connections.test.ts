import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, ConnectionRef, VenueId } from '../../../contracts/ids.ts';
import { until } from '../../support/eventually.ts';
import { aKey, createApiWorld } from '../api-world.ts';
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
  path = `/v1/venues/${venueId}/connections`;
});
afterEach(() => api.stripe.clearFaults());

const connect = (secretKey = api.sandbox.secretKey, environment = 'sandbox') =>
  api.send('POST', path, { json: aKey(secretKey, environment) });
const stored = async () => (await api.send('GET', path)).json.data;
const lastAudit = async () =>
  (
    await api.database
      .admin`select action, outcome, details from audit_log where venue_id = ${venueId} order by id desc limit 1`
  )[0];

describe('connecting Stripe with a key', () => {
  it('answers 201 active with the account, after asking Stripe', async () => {
    const answer = await connect();
    expect(answer.status).toBe(201);
    expect(answer.json).toMatchObject({
      venueId,
      provider: 'stripe',
      environment: 'sandbox',
      state: 'active',
      cause: null,
      nextAction: null,
    });
    expect(answer.json.account.id).toMatch(/^acct_/);
    expect(answer.headers.get('location')).toBe(`${path}/${answer.json.id}`);
    expect((await api.send('GET', `${path}/${answer.json.id}`)).json).toEqual({
      ...answer.json,
      ...{ fullPasses: [], missingScopes: [], apiVersion: { name: expect.any(String) as string, endsOn: null } },
    });
    expect(await stored()).toEqual([answer.json]);
    expect(await lastAudit()).toMatchObject({
      action: 'connection.connected',
      outcome: 'ok',
      details: { provider: 'stripe', replaced: false },
    });
  });

  it('replaces the key of an account that is already connected: the same connection, 200', async () => {
    const first = await connect();
    const again = await connect();
    expect([again.status, again.json.id]).toEqual([200, first.json.id]);
    const key = await api.connections.findApiKey({ venueId, connectionId: first.json.id } as ConnectionRef);
    expect(key?.generation).toBe(2);
    expect((await stored()).length).toBe(1);
  });

  it('shows a second venue with the account that there is another, in every answer, but not which', async () => {
    const { secretKey } = await api.stripe.addAccount();
    const first = await connect(secretKey);
    expect(first).toMatchObject({ status: 201, json: { notes: [] } });
    const firstVenue = venueId;
    venueId = await api.aVenue();
    path = `/v1/venues/${venueId}/connections`;
    const second = await connect(secretKey);
    expect(second).toMatchObject({ status: 201, json: { state: 'active', notes: [{ code: 'account-shared' }] } });
    const again = [
      await connect(secretKey),
      await api.send('GET', path),
      await api.send('GET', `${path}/${second.json.id}`),
    ];
    for (const { text } of [second, ...again]) {
      expect(text).toContain('account-shared');
      expect(text).not.toContain(firstVenue);
      expect(text).not.toContain(first.json.id);
    }
  });

  it('makes one connection when the same account is connected many times at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => connect()));
    expect(new Set(answers.map((answer) => answer.json.id)).size).toBe(1);
    expect(answers.filter((answer) => answer.status === 201).length).toBe(1);
    expect((await stored()).length).toBe(1);
  });

  it('rejects a key that Stripe does not know', async () => {
    expect(await connect('sk_test_0123456789abcdefghijklmn')).toMatchObject({
      status: 422,
      json: { code: 'credentials-refused' },
    });
    expect(await stored()).toEqual([]);
    expect(await lastAudit()).toMatchObject({
      action: 'connection.refused',
      outcome: 'refused',
      details: { code: 'credentials-refused' },
    });
  });

  it('rejects a restricted key that may read the account but not what a sync reads', async () => {
    const { restrictedKey } = (await api.stripe.addAccount()) as unknown as { restrictedKey: string };
    expect(await connect(restrictedKey)).toMatchObject({ status: 422, json: { code: 'credentials-insufficient' } });
    expect(await stored()).toEqual([]);
  });

  it('rejects a test key for production', async () => {
    expect(await connect(api.sandbox.secretKey, 'production')).toMatchObject({
      status: 422,
      json: { code: 'environment-mismatch' },
    });
    expect(await stored()).toEqual([]);
  });

  it.each([
    ['fails', { kind: 'status', status: 500 }, 'provider-unavailable'],
    ['cuts the line', { kind: 'reset' }, 'provider-unavailable'],
    ['answers half', { kind: 'truncate' }, 'provider-unavailable'],
    ['is too busy', { kind: 'status', status: 429 }, 'provider-rate-limited'],
  ])('answers 503 with Retry-After when Stripe %s, and stores nothing', async (_case, fault, code) => {
    await api.stripe.fault({ match: { path: '/v1/account' }, times: 1, ...fault });
    const answer = await connect();
    expect(answer).toMatchObject({ status: 503, json: { code } });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await stored()).toEqual([]);
  });

  it.each([
    ['an unknown provider', { provider: 'paypal' }, 'provider'],
    ['an unknown environment', { environment: 'test' }, 'environment'],
    ['no key', { credentials: {} }, 'credentials.secretKey'],
    ['an empty key', { credentials: { secretKey: '' } }, 'credentials.secretKey'],
    ['a key with a line break', { credentials: { secretKey: 'sk_test_a\nb' } }, 'credentials.secretKey'],
    ['a field beside the key', { credentials: { secretKey: 'x', publishableKey: 'y' } }, 'credentials.publishableKey'],
  ])('rejects %s by name', async (_case, wrong, field) => {
    const answer = await api.send('POST', path, { json: { ...aKey('sk_test_1'), ...wrong } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request', errors: [{ path: field }] } });
  });

  it('answers that QuickBooks cannot be connected with a key', async () => {
    expect(await api.send('POST', path, { json: { ...aKey('x'), provider: 'quickbooks' } })).toMatchObject({
      status: 422,
      json: { code: 'provider-not-supported' },
    });
  });
});

describe('a key that is entered again', () => {
  async function anOpenRun(connectionId: string, changes: object = {}): Promise<string> {
    const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full', ...changes };
    return (await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: order })).json.id;
  }
  const woken = (id: string) => api.gateway.woken.filter((run) => run.id === id).length;

  it('wakes every open run of the connection, and no other', async () => {
    const { id } = (await connect()).json;
    const other = (await connect((await api.stripe.addAccount()).secretKey)).json;
    const [push, dryRun, over, theirs] = [
      await anOpenRun(id),
      await anOpenRun(id, { dryRun: true }),
      await anOpenRun(id, { direction: 'pull' }),
      await anOpenRun(other.id),
    ];
    await api.database
      .admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = 'failed' where id = ${over}`;
    await api.connections.setState(
      { venueId, connectionId: id as ConnectionId },
      { state: 'needs-reauth', cause: 'revoked', nextAction: null },
    );
    expect(await connect()).toMatchObject({ status: 200, json: { id, state: 'active' } });
    await until(() => woken(push) === 1 && woken(dryRun) === 1, { limitMs: 20_000, what: 'the open runs are woken' });
    expect([woken(over), woken(theirs)]).toEqual([0, 0]);
  });

  it('is stored and answered although Temporal is away, and the runs are woken once it is back', async () => {
    const { id } = (await connect()).json;
    const run = await anOpenRun(id);
    api.gateway.away = true;
    const answering = connect();
    await until(
      async () => (await api.connections.findApiKey({ venueId, connectionId: id as ConnectionId }))?.generation === 2,
      { limitMs: 20_000, what: 'the key is stored' },
    );
    api.gateway.away = false;
    expect((await answering).status).toBe(200);
    await until(() => woken(run) === 1, { limitMs: 20_000, what: 'the run is woken' });
  });
});

describe('a key for a connection', () => {
  it('that is being disconnected is rejected until that is done, and nothing is stored', async () => {
    const { id } = (await connect()).json;
    const ref = { venueId, connectionId: id as ConnectionId };
    await api.connections.setState(ref, { state: 'disconnecting', cause: 'Asked for.', nextAction: null });
    const refused = await connect();
    expect(refused).toMatchObject({ status: 409, json: { code: 'connection-disconnecting' } });
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await api.connections.findApiKey(ref))?.generation).toBe(1);
    await api.connections.setState(ref, { state: 'disconnected', cause: 'Asked for.', nextAction: null });
    expect(await connect()).toMatchObject({ status: 200, json: { id, state: 'active' } });
    // The connection's token manager is notified.
    await until(() => api.connectionGateway.looked.includes(ref.connectionId), {
      limitMs: 20_000,
      what: 'the owner is told',
    });
  });
});

describe('a secret key', () => {
  it('never appears in an answer, a log line or the database, whatever the outcome', async () => {
    const before = api.logLines.length;
    const known = api.sandbox.secretKey;
    const unknown = 'sk_test_canaryCanaryCanary1234';
    const answers = [
      await connect(known),
      await connect(known),
      await connect(unknown),
      await connect(known, 'production'),
    ];
    answers.push(
      await api.send('POST', path, {
        body: `{"credentials":{"secretKey":"${unknown}"`,
        headers: { 'content-type': 'application/json' },
      }),
    );
    answers.push(
      await api.send('POST', path, {
        json: { ...aKey(unknown), provider: 'nobody' },
        headers: { 'idempotency-key': 'canary' },
      }),
    );
    answers.push(await api.send('POST', path, { json: aKey(unknown), headers: { 'idempotency-key': 'canary 2' } }));
    await api.stripe.fault({ match: { path: '/v1/account' }, times: 1, kind: 'status', status: 500 });
    answers.push(await connect(known));
    expect(answers.map((answer) => answer.status)).toEqual([201, 200, 422, 422, 400, 400, 422, 503]);

    const seen = [
      ...answers.map((answer) => answer.text + JSON.stringify([...answer.headers])),
      ...api.logLines.slice(before),
      ...(await everyRow()),
    ].join('\n');
    expect(seen.length).toBeGreaterThan(1_000);
    for (const key of [known, unknown]) {
      for (const form of [key, Buffer.from(key).toString('base64'), Buffer.from(key).toString('hex')])
        expect(seen).not.toContain(form);
    }
  });
});

/** Every row of all our tables as text, with bytes as hex. */
async function everyRow(): Promise<string[]> {
  const { admin } = api.database;
  const tables =
    await admin`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`;
  const rows = await Promise.all(
    tables.map(({ name }) => admin`select to_jsonb(t)::text as row from ${admin(name)} t`),
  );
  return rows.flatMap((result) => result.map(({ row }) => String(row)));
}
