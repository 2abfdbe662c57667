import { randomBytes } from 'node:crypto';
import { SignJWT, UnsecuredJWT } from 'jose';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Endpoint } from '../../../api/http/endpoint.ts';
import { ROLES } from '../../../api/auth/caller.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { aKey, aToken, createApiWorld, JWT_SECRET } from '../api-world.ts';
import type { ApiWorld, SendOptions } from '../api-world.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';

let api: ApiWorld;
let venueId: string;
let ids: Readonly<Record<string, string>>;

beforeAll(async () => {
  api = await createApiWorld();
  venueId = await api.aVenue();
  // Keeps a connection from getting default schedules, which no read may create later.
  api.scheduleGateway.away = true;
  const connectionId = await api.aConnection(venueId as never);
  api.scheduleGateway.away = false;
  await api.scheduleGateway.put(
    {
      venueId: venueId as VenueId,
      connectionId: connectionId as ConnectionId,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
    },
    { timing: { everyMs: 3_600_000 }, jitterMs: 0 },
  );
  await api.send('POST', `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint`);
  await api.send('PUT', `/v1/venues/${venueId}/connections/${connectionId}/reconciliation-schedule`, {
    json: { at: '04:00' },
  });
  const records = await Promise.all(
    RECORD_KINDS.all.map(async ({ name, idName }) => [idName, await aRecord(name)] as const),
  );
  const sync = await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: aSync(connectionId) });
  ids = {
    venueId,
    connectionId,
    ...Object.fromEntries(records),
    syncId: sync.json.id,
    dryRunId: await aPlan(connectionId),
    grantConnectionId: await aGrantedConnection(),
    report: 'profit-and-loss',
    reportConnectionId: await aReport(),
    provider: 'stripe',
    resource: 'customers',
    jobId: (await api.send('POST', '/v1/admin/keys/rotate')).json.id,
    eventId: await anEvent(connectionId),
    ...(await aReconciliation(connectionId)),
    conflictId: await aConflict(connectionId),
    deadLetterId: await aDeadLetter(connectionId),
    ...(await aDelivery()),
  };
});
afterAll(() => api.close());

/** An event about the connection's account. */
async function anEvent(connectionId: string): Promise<string> {
  const [event] = await api.database.admin<{ id: string }[]>`
    insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition)
    select gen_random_uuid(), provider, 'app', 'evt_1', 'customer.created', environment, external_account_id, 0
    from connections where id = ${connectionId} returning id`;
  return event?.id ?? '';
}

/** A reconciliation that has found a discrepancy. */
async function aReconciliation(connectionId: string): Promise<Readonly<Record<string, string>>> {
  const [reconciliationId, discrepancyId] = [uuidv7(), uuidv7()];
  await api.database.admin`
    insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, phase, outcome, workflow_id, requested_by, started_at, finished_at)
    values (${reconciliationId}, ${venueId}, ${connectionId}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'finished', 'completed', 'w', 'x', now(), now())`;
  await api.database.admin`
    insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id)
    values (${discrepancyId}, ${reconciliationId}, ${venueId}, 'missing-here', '[]', '2026-01-01', 'ch_1')`;
  return { reconciliationId, discrepancyId };
}

/** A subscription that was sent a message. */
async function aDelivery(): Promise<Readonly<Record<string, string>>> {
  const subscription = await api.send('POST', `/v1/venues/${venueId}/subscriptions`, {
    json: { url: 'https://backend.example/hook' },
  });
  const [subscriptionId, messageId] = [subscription.json.id, uuidv7()];
  await api.database.admin`
    insert into outgoing_messages (id, venue_id, type, data) values (${messageId}, ${venueId}, 'sync.finished', '{}')`;
  await api.database.admin`
    insert into deliveries (subscription_id, message_id, venue_id, state, attempts) values (${subscriptionId}, ${messageId}, ${venueId}, 'failed', 10)`;
  return { subscriptionId, messageId };
}

async function aConflict(connectionId: string): Promise<string> {
  const id = uuidv7();
  await api.database.admin`
    insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields)
    values (${id}, ${venueId}, ${connectionId}, 'customers', ${uuidv7()}, 'a', 'fields', '[]')`;
  return id;
}

async function aDeadLetter(connectionId: string): Promise<string> {
  const id = uuidv7();
  await api.database.admin`
    insert into dead_letters (id, venue_id, connection_id, source, source_key, provider, resource, record_id, code, message, history)
    select ${id}, ${venueId}, ${connectionId}, 'record', 'k', 'stripe', 'customers', id, 'rejected', 'x', '[]' from customers where venue_id = ${venueId} limit 1`;
  return id;
}

/** A complete record's required fields. */
const FIELDS: Readonly<Record<Resource, object>> = {
  products: { name: 'P' },
  customers: {},
  inventory: { productSourceId: 'p', location: 'Counter', quantity: '1', countedAt: '2026-01-01T00:00:00Z' },
  transactions: {
    kind: 'payment',
    occurredAt: '2026-01-01T00:00:00Z',
    amountMinor: 1,
    currency: 'EUR',
    status: 'succeeded',
  },
  invoices: { status: 'open', currency: 'EUR', totalMinor: 1 },
};

async function aRecord(resource: Resource): Promise<string> {
  const path = `/v1/venues/${venueId}/records/${resource}`;
  await api.send('POST', `${path}/batch`, { json: { records: [{ sourceId: 'a', ...FIELDS[resource] }] } });
  return (await api.send('GET', path)).json.data[0]?.id ?? '';
}

/** A connection whose owner has granted several accounts. */
async function aGrantedConnection(): Promise<ConnectionId> {
  const connectionId = uuidv7() as ConnectionId;
  const environment = api.environmentOf('square');
  await api.connectionActions.insertConnecting({
    ...{ venueId: venueId as VenueId, connectionId, provider: 'square', environment, flow: 'code' },
    nextAction: 'Approve.',
  });
  await api.database
    .admin`update connections set state = 'active', cause = null, next_action = null, external_account_id = 'ML1' where id = ${connectionId}`;
  return connectionId;
}

/** A connection with a report that was read for it. */
async function aReport(): Promise<string> {
  const connectionId = uuidv7() as ConnectionId;
  await api.database.admin`
    insert into connections (id, venue_id, provider, environment, state, external_account_id)
    values (${connectionId}, ${venueId}, 'quickbooks', 'sandbox', 'active', 'realm')`;
  const answerId = await api.reportAnswers.keep({ venueId: venueId as VenueId, connectionId }, 'profit-and-loss', {
    ...{ columns: [], rows: [], currency: null, basis: null, truncated: false },
  });
  api.reportGateway.onRead = () => Promise.resolve({ outcome: 'read', answerId });
  return connectionId;
}

/** A dry run that has ended, because only such a run has a plan. */
async function aPlan(connectionId: string): Promise<string> {
  const { id } = (
    await api.send('POST', `/v1/venues/${venueId}/syncs`, { json: { ...aSync(connectionId), dryRun: true } })
  ).json;
  await api.database
    .admin`update sync_runs set phase = 'finished', outcome = 'completed', finished_at = now() where id = ${id}`;
  return id;
}

const aSync = (connectionId: string) => ({ connectionId, resource: 'customers', direction: 'push', mode: 'full' });

/** A valid body for each operation. */
function bodyOf(endpoint: Endpoint): SendOptions {
  const bodies: Record<string, unknown> = {
    createVenue: { name: 'New', timeZone: 'UTC', currency: 'EUR' },
    changeVenue: { name: 'Changed' },
    ...Object.fromEntries(
      RECORD_KINDS.all.flatMap(({ name: resource, words: { one, many } }) => {
        return [
          [`load${many}`, { records: [{ sourceId: 'b', ...FIELDS[resource] }] }],
          [`replace${one}`, FIELDS[resource]],
          [`change${one}`, { metadata: { changed: 'yes' } }],
        ];
      }),
    ),
    createConnection: aKey(api.sandbox.secretKey),
    changeConnection: { credentials: { secretKey: api.sandbox.secretKey } },
    startSync: aSync(ids['connectionId'] ?? ''),
    putSchedule: { every: '1d' },
    chooseGrantAccounts: { chosen: null },
    putMapping: { fields: [] },
    rollBackMapping: { version: 0 },
    putReconciliationSchedule: { at: '04:00' },
    putReach: { excludedFields: [] },
    putWebhookSigningSecret: { signingSecret: 'whsec_of_a_stranger' },
    startReconciliation: { connectionId: ids['connectionId'] ?? '' },
    resolveConflict: { take: 'venue' },
    editDeadLetter: { fields: {} },
    discardDeadLetter: { reason: 'Of no use' },
    retryDeadLetters: {},
    createSubscription: { url: 'https://backend.example/other' },
    changeSubscription: { description: 'Changed' },
  };
  const json = bodies[endpoint.name];
  return json === undefined ? {} : { json };
}

/** Operations that not every run or connection has, by what their path holds, and the id of one that has them. */
const SPECIAL = [
  ['/plan', 'syncId', 'dryRunId'],
  ['/accounts', 'connectionId', 'grantConnectionId'],
  ['/reports/', 'connectionId', 'reportConnectionId'],
] as const;

const pathOf = (endpoint: Endpoint, values: Readonly<Record<string, string>> = ids) => {
  const [, usual = '', special = ''] =
    SPECIAL.find(([part, name]) => endpoint.path.includes(part) && values[name] === ids[name]) ?? [];
  return endpoint.path
    .replace(`{${usual}}`, `{${special}}`)
    .replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '')
    .concat(endpoint.path.endsWith('{report}') ? '?from=2026-01-01&to=2026-01-31' : '');
};
const call = (endpoint: Endpoint, options: SendOptions, values?: Readonly<Record<string, string>>) =>
  api.send(endpoint.method.toUpperCase(), pathOf(endpoint, values), { ...bodyOf(endpoint), ...options });

async function forEvery(endpoints: readonly Endpoint[], check: (endpoint: Endpoint) => Promise<void>): Promise<void> {
  expect(endpoints.length).toBeGreaterThan(0);
  for (const endpoint of endpoints) await check(endpoint);
}

describe('a caller without access', () => {
  it('gets 401 with a challenge on every operation, and changes nothing', async () => {
    const before = await dump();
    await forEvery(api.endpoints, async (endpoint) => {
      const answer = await call(endpoint, { token: null });
      expect.soft(answer, endpoint.name).toMatchObject({ status: 401, json: { code: 'not-authenticated' } });
      expect.soft(answer.headers.get('www-authenticate'), endpoint.name).toBe('Bearer realm="interlock"');
    });
    expect(await dump()).toEqual(before);
  });

  it('gets the same answers for a venue outside the token as for one that does not exist', async () => {
    const elsewhere = await aToken({ venues: [uuidv7()] });
    const all = await aToken();
    const before = await dump();
    await forEvery(
      api.endpoints.filter(({ path }) => path.includes('{venueId}')),
      async (endpoint) => {
        const theirs = await call(endpoint, { token: elsewhere });
        const missing = await call(endpoint, { token: all }, { ...ids, venueId: uuidv7() });
        expect.soft(theirs, endpoint.name).toMatchObject({ status: 404, json: { code: 'venue-not-found' } });
        expect.soft({ ...theirs.json, requestId: '' }, endpoint.name).toEqual({ ...missing.json, requestId: '' });
      },
    );
    expect(await dump()).toEqual(before);
  });

  it('finds nothing of another venue under its own', async () => {
    const own = await api.aVenue('Own');
    const token = await aToken({ venues: [own] });
    const items = api.endpoints.filter(({ path }) => /\{venueId\}.*\{/.test(path));
    await forEvery(items, async (endpoint) => {
      expect
        .soft(await call(endpoint, { token }, { ...ids, venueId: own }), endpoint.name)
        .toMatchObject({ status: 404 });
    });
    const start = await api.send('POST', `/v1/venues/${own}/syncs`, { token, json: aSync(ids['connectionId'] ?? '') });
    expect(start).toMatchObject({ status: 404, json: { code: 'connection-not-found' } });
    const filtered = await api.send(
      'GET',
      `/v1/venues/${own}/records/customers?connectionId=${ids['connectionId'] ?? ''}`,
      { token },
    );
    expect(filtered.json).toEqual({ data: [], nextCursor: null });
  });

  it.each(['not-a-uuid', '00000000-0000-0000-0000-00000000000', '%2e%2e%2f'])(
    'gets 404 for %s in place of any id',
    async (id) => {
      await forEvery(
        api.endpoints.filter(({ path }) => path.includes('{')),
        async (endpoint) => {
          const names = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? '');
          const wrong = { ...ids, [names.at(-1) ?? '']: id };
          expect.soft(await call(endpoint, {}, wrong), endpoint.name).toMatchObject({ status: 404 });
        },
      );
    },
  );
});

describe('a role', () => {
  it.each(ROLES)('%s gets 403 from every operation above it, and changes nothing', async (role) => {
    const token = await aToken({ role });
    const above = api.endpoints.filter((endpoint) => ROLES.indexOf(endpoint.role) > ROLES.indexOf(role));
    const before = await dump();
    for (const endpoint of above) {
      const answer = await call(endpoint, { token });
      expect.soft(answer, endpoint.name).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    }
    expect(await dump()).toEqual(before);
    expect(above.length).toBe({ viewer: 67, operator: 19, admin: 0 }[role]);
  });

  it('viewer reads everything of a venue and changes nothing', async () => {
    const before = await dump();
    const token = await aToken({ role: 'viewer', venues: [venueId] });
    const reads = api.endpoints.filter(({ method, stream, role }) => method === 'get' && !stream && role === 'viewer');
    await forEvery(reads, async (endpoint) => {
      expect.soft(await call(endpoint, { token }), endpoint.name).toMatchObject({ status: 200 });
      expect.soft(await dump(), endpoint.name).toEqual(before);
    });
  });
});

describe('a token', () => {
  const secret = new TextEncoder().encode(JWT_SECRET);
  const soon = () => Math.floor(Date.now() / 1000) + 60;
  const sign = (claims: Record<string, unknown>, key: Uint8Array = secret, alg = 'HS256') =>
    new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
  const good = () => ({ sub: 'someone', role: 'viewer', venues: '*', exp: soon() });

  it.each<[string, () => Promise<string> | string]>([
    ['that is good for longer than this service allows', () => sign({ ...good(), exp: soon() + 30 * 24 * 3_600 })],
    ['that has expired', () => sign({ ...good(), exp: soon() - 120 })],
    ['without an expiry', () => sign({ sub: 'someone', role: 'viewer', venues: '*' })],
    ['without a subject', () => sign({ role: 'viewer', venues: '*', exp: soon() })],
    ['without venues', () => sign({ sub: 'someone', role: 'viewer', exp: soon() })],
    ['with a venue that is no id', () => sign({ ...good(), venues: ['all'] })],
    ['with a role that is none', () => sign({ ...good(), role: 'root' })],
    ['with a list of roles', () => sign({ ...good(), role: ['admin'] })],
    ['that is not valid yet', () => sign({ ...good(), nbf: soon() })],
    ['signed with another secret', () => sign(good(), randomBytes(32))],
    ['signed with another algorithm', () => sign(good(), new Uint8Array(randomBytes(64)), 'HS512')],
    ['of HS512 under our own secret', () => sign(good(), new Uint8Array([...secret, ...secret]), 'HS512')],
    [
      'without a signature',
      () => new UnsecuredJWT({ role: 'admin', venues: '*' }).setSubject('someone').setExpirationTime(soon()).encode(),
    ],
    ['of another shape', () => 'three.little.words'],
    ['cut short', async () => (await sign(good())).slice(0, -2)],
  ])('%s is rejected', async (_case, make) => {
    const answer = await api.send('GET', '/v1/venues', { token: await make() });
    expect(answer).toMatchObject({ status: 401, json: { code: 'not-authenticated' } });
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="interlock"/);
  });

  it.each([['Basic dXNlcjpwYXNz'], ['Bearer'], ['Bearer  '], ['token abc']])(
    'in the header %s is rejected',
    async (authorization) => {
      expect(await api.send('GET', '/v1/venues', { token: null, headers: { authorization } })).toMatchObject({
        status: 401,
      });
    },
  );

  it('in the query is rejected like a missing token', async () => {
    const token = await aToken();
    expect(await api.send('GET', `/v1/venues?access_token=${token}`, { token: null })).toMatchObject({ status: 401 });
    expect(
      await api.send('GET', `/v1/venues/${venueId}/syncs/${ids['syncId'] ?? ''}/events?access_token=${token}`, {
        token: null,
      }),
    ).toMatchObject({ status: 401 });
  });
});

/** Dumps everything that a request could have changed. */
async function dump(): Promise<unknown> {
  const { admin } = api.database;
  const tables = await admin<
    { name: string }[]
  >`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`;
  const rows = await Promise.all(tables.map(({ name }) => admin`select * from ${admin(name)} order by 1, 2`));
  const { inputs, disconnected, withdrawn, looked, tested } = api.connectionGateway;
  return [
    rows.map((result) => [...result]),
    api.gateway.started.length,
    api.gateway.cancelled.length,
    inputs.size,
    disconnected.length,
    withdrawn.length,
    looked.length,
    tested.length,
    api.subscriptionGateway.tested.length,
    [...api.scheduleGateway.kept],
  ];
}
