import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readApiConfig } from '../../config/config.ts';
import { variablesWith } from '../../config/variables.ts';
import { createRegistries, PROVIDERS } from '../../providers/registry.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { problemsOf } from '../config/problems-of.ts';
import { configurationPage, exampleEnvironment } from '../config/variable-pages.ts';
import { renderRecordsPage } from '../docs/records-page.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS } from '../made-up/loyalty-cards.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { createServiceWorld } from '../support/worlds/service-world.ts';
import type { Sent, ServiceWorld } from '../support/worlds/service-world.ts';
import { cornerDesk } from './corner-desk/index.ts';
import { signedBy, startCornerDesk } from './stand-in.ts';

/** The registries with one line more each. Nothing else of the service knows the provider or the kind of record. */
const REGISTRIES = createRegistries([...PROVIDERS, cornerDesk], KINDS_WITH_CARDS);

/** The second one is about to replace the first. */
const WEBHOOK_KEYS = ['the-key-of-yesterday', 'the-key-of-tomorrow'];

const VARIABLES = [
  'CORNER_DESK_HOSTED_URL',
  'CORNER_DESK_APP_ID',
  'CORNER_DESK_APP_SECRET',
  'CORNER_DESK_WEBHOOK_KEY',
  'CORNER_DESK_PRIVATE_ADDRESSES',
];

describe('the registries', () => {
  it('refuse a provider with a resource that is no kind of record', () => {
    expect(() => createRegistries([cornerDesk], RECORD_KINDS)).toThrow(
      'provider corner-desk: there is no kind of record called loyalty-cards',
    );
  });
});

describe('the configuration of a made-up provider', () => {
  const variables = Object.entries(variablesWith(REGISTRIES.providers));
  const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

  it('has the variables that the provider’s settings and its stand-in make', () => {
    const names = variables.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([...VARIABLES, 'SANDBOX_CORNER_DESK_PORT', 'SANDBOX_CORNER_DESK_CONTROL_PORT']),
    );
    expect(Object.keys(variablesWith(PROVIDERS)).join()).not.toContain('CORNER_DESK');
  });

  it('refuses a wrong value and half an app by the variables’ names, without quoting the value', () => {
    const env = {
      JWT_SECRET: 's'.repeat(32),
      MOCK_KMS: 'true',
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      DATABASE_URL: 'postgres://app:pw@127.0.0.1:5432/interlock',
      CORNER_DESK_APP_ID: 'our-app',
      CORNER_DESK_WEBHOOK_KEY: 'too short',
    };
    const problems = problemsOf(() => readApiConfig(env, REGISTRIES.providers));
    expect(problems).toEqual([
      expect.stringMatching(/^CORNER_DESK_WEBHOOK_KEY is wrong\. It must be a key of/),
      expect.stringMatching(/^CORNER_DESK_HOSTED_URL is missing, needed when CORNER_DESK_APP_ID is set\./),
      expect.stringMatching(/^CORNER_DESK_APP_SECRET is missing, needed when CORNER_DESK_APP_ID is set\./),
    ]);
    expect(problems.join()).not.toContain('too short');
  });

  it('is on the page of the configuration, with what is secret and what is needed together', () => {
    const page = configurationPage(read('docs/configuration.md'), variables);
    for (const name of VARIABLES) expect(page).toMatch(new RegExp(`^\\| \`${name}\` \\| .+ \\|$`, 'm'));
    expect(page).toMatch(
      /^\| `CORNER_DESK_APP_SECRET` \| .* \| – \| api, worker when `CORNER_DESK_APP_ID` is set \| api, worker \| yes \|$/m,
    );
    expect(page).toMatch(/^\| `SANDBOX_CORNER_DESK_PORT` \| TCP port of the Corner Desk sandbox/m);
  });

  it('is in the example of an environment, each variable with its comment', () => {
    const example = exampleEnvironment(read('.env.example'), variables);
    expect(example).toContain('\n# Key that Corner Desk signs webhooks with.\nCORNER_DESK_WEBHOOK_KEY=\n');
    for (const name of VARIABLES) expect(example).toContain(`\n${name}=\n`);
  });
});

describe('a service with a made-up provider and a made-up kind of record', () => {
  let desk: Awaited<ReturnType<typeof startCornerDesk>>;
  let service: ServiceWorld;
  let venueId: string;
  beforeAll(async () => {
    desk = await startCornerDesk();
    service = await createServiceWorld({
      registries: REGISTRIES,
      migrate: createLoyaltyCards,
      env: {
        CORNER_DESK_HOSTED_URL: desk.url,
        CORNER_DESK_APP_ID: desk.app.id,
        CORNER_DESK_APP_SECRET: desk.app.secret,
        CORNER_DESK_WEBHOOK_KEY: WEBHOOK_KEYS.join(','),
        CORNER_DESK_PRIVATE_ADDRESSES: '127.0.0.1',
      },
    });
  }, 120_000);
  afterAll(async () => {
    await service.close();
    await desk.close();
  });
  beforeEach(async () => {
    desk.customers.rows.clear();
    desk.cards.rows.clear();
    const venue = await post('/v1/venues', { name: 'A venue', timeZone: 'Europe/Berlin', currency: 'EUR' });
    venueId = String(venue.json['id']);
  });

  const get = (path: string) => service.send('GET', path);
  const post = (path: string, json: object) => service.send('POST', path, { json });
  const connections = () => `/v1/venues/${venueId}/connections`;
  const connect = (credentials: object) =>
    post(connections(), { provider: 'corner-desk', environment: 'sandbox', credentials });
  const records = (resource: string) => `/v1/venues/${venueId}/records/${resource}`;
  const load = (resource: string, ...given: readonly object[]) =>
    post(`${records(resource)}/batch`, { records: given });
  const dataOf = ({ json }: Sent) => json['data'] as readonly Readonly<Record<string, unknown>>[];
  const list = async (resource: string, query = '') => dataOf(await get(`${records(resource)}${query}`));

  async function connected(): Promise<string> {
    const answer = await connect(desk.credentials);
    expect([answer.status, answer.json['code']]).toEqual([201, undefined]);
    return String(answer.json['id']);
  }

  /** A run from its start over the API to its end. Returns its counts. */
  async function sync(
    connectionId: string,
    resource: string,
    direction: 'push' | 'pull',
    { mode = 'full', outcome = 'completed' } = {},
  ) {
    const started = await post(`/v1/venues/${venueId}/syncs`, { connectionId, resource, direction, mode });
    expect([started.status, started.json['code']]).toEqual([202, undefined]);
    const path = `/v1/venues/${venueId}/syncs/${String(started.json['id'])}`;
    const run = await until(
      async () => {
        const { json } = await get(path);
        return json['finishedAt'] !== null || json['error'] !== null ? json : null;
      },
      { limitMs: 40_000, what: `the ${direction} of ${resource} is over` },
    );
    expect(run).toMatchObject({ outcome, waitingFor: null, error: null });
    return run['counts'];
  }

  it('shows the provider as an integration with its resources, fields of credentials and the version of its API', async () => {
    const { json } = await get('/v1/integrations/corner-desk');
    expect(json).toMatchObject({
      provider: 'corner-desk',
      displayName: 'Corner Desk',
      configured: true,
      connect: ['oauth', 'api-key'],
      resources: [
        { resource: 'customers', directions: ['push', 'pull'] },
        { resource: 'loyalty-cards', directions: ['push', 'pull'] },
      ],
      credentialFields: [
        { name: 'baseUrl', secret: false },
        { name: 'user', secret: false },
        { name: 'password', secret: true },
      ],
      apiVersion: { name: '2', endsOn: '2027-12-31' },
    });
    expect(dataOf(await get('/v1/integrations')).map(({ provider }) => provider)).toEqual(
      REGISTRIES.providers.map(({ id }) => id),
    );
  });

  it('documents both: the provider’s id and credentials, the kind’s paths, schemas and page', async () => {
    const document = (await service.send('GET', '/openapi.json', { anonymous: true })).json as unknown as {
      paths: Record<string, object>;
      components: { schemas: Record<string, { enum?: string[]; properties?: Record<string, object> }> };
    };
    const { Provider, Resource, NewConnection, LoyaltyCard } = document.components.schemas;
    expect(Provider?.enum).toEqual(REGISTRIES.providers.map(({ id }) => id));
    expect(Resource?.enum).toEqual(KINDS_WITH_CARDS.names);
    expect(NewConnection?.properties?.['credentials']).toMatchObject({
      anyOf: [
        { properties: { secretKey: { format: 'password' } } },
        { properties: { baseUrl: {}, user: {}, password: { format: 'password' } } },
      ],
    });
    expect(Object.keys(LoyaltyCard?.properties ?? {})).toEqual(expect.arrayContaining(['number', 'tier', 'points']));
    const base = '/v1/venues/{venueId}/records/loyalty-cards';
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining([base, `${base}/batch`, `${base}/{loyaltyCardId}`]),
    );
    expect((await service.send('GET', '/docs/records', { anonymous: true })).text).toContain('id="loyalty-cards"');
    expect(renderRecordsPage(KINDS_WITH_CARDS)).toContain('## loyalty-cards');
  });

  it('rejects credentials with every wrong field at once, and stores nothing', async () => {
    const answer = await connect({ baseUrl: 'ftp://desk', secretKey: 'x', password: '' });
    expect(answer.status).toBe(400);
    expect((answer.json['errors'] as readonly { path: string }[]).map(({ path }) => path).toSorted()).toEqual([
      'credentials.baseUrl',
      'credentials.password',
      'credentials.secretKey',
      'credentials.user',
    ]);
    const wrong = await connect({ ...desk.credentials, password: 'another' });
    expect([wrong.status, wrong.json['code']]).toEqual([422, 'credentials-refused']);
    expect(dataOf(await get(connections()))).toEqual([]);
  });

  it.each(['http://10.0.0.1', 'http://169.254.169.254', 'http://[::1]:80', 'http://127.0.0.2'])(
    'calls no address that is neither public nor allowed: %s',
    async (baseUrl) => {
      const answer = await connect({ ...desk.credentials, baseUrl });
      expect(answer).toMatchObject({
        status: 400,
        json: { code: 'invalid-request', errors: [{ path: 'credentials' }] },
      });
    },
  );

  it('connects by typed credentials: seals the secret field, stores the others as they are, and logs neither', async () => {
    const answer = await connect(desk.credentials);
    expect(answer).toMatchObject({ status: 201, json: { state: 'active', account: { id: 'desk-account' } } });
    expect(answer.text).not.toContain(desk.credentials.password);
    const { baseUrl, user } = desk.credentials;
    const rows = await service.database.admin<{ fields: object; sealed: Buffer }[]>`
      select fields, sealed_key as sealed from venue_api_keys where connection_id = ${String(answer.json['id'])}`;
    expect(rows[0]?.fields).toEqual({ baseUrl, user });
    expect(rows[0]?.sealed.toString('latin1')).not.toContain(desk.credentials.password);
    expect(service.logLines.join()).not.toContain(desk.credentials.password);
    // The worker opens what the API has sealed.
    const tested = await post(`${connections()}/${String(answer.json['id'])}/test`, {});
    expect(tested).toMatchObject({ status: 200, json: { outcome: 'accepted' } });
  });

  it('takes new credentials for a connection in its own fields, whichever they are', async () => {
    const connectionId = await connected();
    const path = `${connections()}/${connectionId}`;
    const replace = (credentials: object) => service.send('PATCH', path, { json: { credentials } });
    const wrong = await replace({ baseUrl: 'ftp://desk', secretKey: 'x', password: '' });
    expect(wrong.status).toBe(400);
    expect((wrong.json['errors'] as readonly { path: string }[]).map((error) => error.path).toSorted()).toEqual([
      'credentials.baseUrl',
      'credentials.password',
      'credentials.secretKey',
      'credentials.user',
    ]);
    expect(await replace({ ...desk.credentials, password: 'another' })).toMatchObject({
      status: 422,
      json: { code: 'credentials-refused' },
    });
    const answer = await replace(desk.credentials);
    expect(answer).toMatchObject({ status: 200, json: { id: connectionId, state: 'active' } });
    expect(answer.text).not.toContain(desk.credentials.password);
    const { baseUrl, user } = desk.credentials;
    const rows = await service.database.admin<{ fields: object; generation: number }[]>`
      select fields, generation from venue_api_keys where connection_id = ${connectionId}`;
    expect([...rows]).toEqual([{ fields: { baseUrl, user }, generation: 2 }]);
    expect(await post(`${path}/test`, {})).toMatchObject({ status: 200, json: { outcome: 'accepted' } });
  });

  it('lets no field be left out of what its writes replace as a whole', async () => {
    const path = `${connections()}/${await connected()}/reach/customers`;
    expect(await service.send('PUT', path, { json: { excludedFields: ['email'] } })).toMatchObject({
      status: 422,
      json: { code: 'fields-not-excludable' },
    });
    expect(await service.send('PUT', path, { json: { excludedFields: [] } })).toMatchObject({ status: 200 });
  });

  it('syncs both kinds both ways, names customers by the ids of each side, and writes nothing when nothing has changed', async () => {
    const connectionId = await connected();
    const guests = Array.from({ length: 7 }, (_, index) => desk.customers.add({ name: `Guest ${index}` }));
    desk.cards.add({ number: 'D-0001', tier: 'gold', points: '12.5', holder: guests[0]!.id });
    desk.cards.add({ number: 'D-0002', validUntil: '2027-05-01T00:00:00.000Z' });
    await load('customers', { sourceId: 'ana', name: 'Ana', email: 'ana@example.com' });
    const loaded = await load('loyalty-cards', {
      ...{ sourceId: 'card-1', number: 'V-0001', tier: 'basic', customerSourceId: 'ana', points: '3' },
      expiresAt: '2027-01-01T00:00:00.000Z',
    });
    expect(loaded.json).toMatchObject({ received: 1, created: 1, rejected: 0 });

    // The cards come before the customers that they name.
    expect(await sync(connectionId, 'loyalty-cards', 'pull')).toMatchObject({ read: 2, created: 2, rejected: 0 });
    expect(await sync(connectionId, 'customers', 'pull')).toMatchObject({ read: 7, created: 7 });
    const pulled = await list('loyalty-cards', `?connectionId=${connectionId}&number=D-0001`);
    const holder = `corner-desk:sandbox:desk-account:${guests[0]!.id}`;
    expect(pulled).toMatchObject([{ tier: 'gold', points: '12.5', customerSourceId: holder, blocked: false }]);
    expect(
      await list('loyalty-cards', '?expiresFrom=2027-01-01T00:00:00Z&expiresTo=2027-02-01T00:00:00Z'),
    ).toMatchObject([{ sourceId: 'card-1' }]);
    expect((await get(`${records('loyalty-cards')}/${String(pulled[0]?.['id'])}`)).json).toMatchObject({
      number: 'D-0001',
      links: [{ connectionId, state: 'linked' }],
    });

    expect(await sync(connectionId, 'customers', 'push')).toMatchObject({ created: 1, updated: 0 });
    expect(await sync(connectionId, 'loyalty-cards', 'push')).toMatchObject({ created: 1, updated: 0 });
    const ana = [...desk.customers.rows.values()].find(({ name }) => name === 'Ana');
    expect([...desk.cards.rows.values()]).toContainEqual(
      expect.objectContaining({ number: 'V-0001', points: '3', holder: ana?.id }),
    );

    const writes = desk.writes();
    for (const resource of ['customers', 'loyalty-cards'])
      for (const direction of ['push', 'pull'] as const)
        expect(await sync(connectionId, resource, direction)).toMatchObject({ created: 0, updated: 0, archived: 0 });
    expect(desk.writes()).toBe(writes);
  });

  it('pushes a record that names another once that one is at the provider, without a change of the venue’s', async () => {
    const connectionId = await connected();
    await load('customers', { sourceId: 'ana', name: 'Ana' });
    await load('loyalty-cards', { sourceId: 'card', number: 'V-0001', tier: 'basic', customerSourceId: 'ana' });
    const early = { outcome: 'completed-with-rejections' };
    expect(await sync(connectionId, 'loyalty-cards', 'push', early)).toMatchObject({ created: 0, rejected: 1 });
    await sync(connectionId, 'customers', 'push');
    const incremental = { mode: 'incremental' };
    expect(await sync(connectionId, 'loyalty-cards', 'push', incremental)).toMatchObject({ created: 1, rejected: 0 });
    const [ana] = desk.customers.rows.keys();
    expect([...desk.cards.rows.values()]).toMatchObject([{ number: 'V-0001', holder: ana }]);
  });

  it('carries a change and a deletion of each side to the other', async () => {
    const connectionId = await connected();
    const [changed, removed] = [desk.cards.add({ number: 'D-0001' }), desk.cards.add({ number: 'D-0002' })];
    await load('loyalty-cards', { sourceId: 'kept', number: 'V-0001', tier: 'basic' });
    await load('loyalty-cards', { sourceId: 'dropped', number: 'V-0002', tier: 'basic' });
    await sync(connectionId, 'loyalty-cards', 'pull');
    await sync(connectionId, 'loyalty-cards', 'push');

    desk.cards.update(changed.id, { tier: 'gold' });
    desk.cards.rows.delete(removed.id);
    expect(await sync(connectionId, 'loyalty-cards', 'pull')).toMatchObject({ updated: 1, archived: 1 });
    expect((await list('loyalty-cards')).map(({ number, tier }) => [number, tier]).toSorted()).toEqual([
      ['D-0001', 'gold'],
      ['V-0001', 'basic'],
      ['V-0002', 'basic'],
    ]);

    await load('loyalty-cards', { sourceId: 'kept', number: 'V-0001', tier: 'gold' });
    const [dropped] = await list('loyalty-cards', '?sourceId=dropped');
    await service.send('DELETE', `${records('loyalty-cards')}/${String(dropped?.['id'])}`);
    expect(await sync(connectionId, 'loyalty-cards', 'push')).toMatchObject({ updated: 1, archived: 1 });
    expect([...desk.cards.rows.values()].map(({ number, tier }) => [number, tier]).toSorted()).toEqual([
      ['D-0001', 'gold'],
      ['V-0001', 'gold'],
    ]);
  });

  it('deletes records of both kinds with their connection', async () => {
    const connectionId = await connected();
    desk.cards.add({ number: 'D-0001', holder: desk.customers.add({ name: 'Guest' }).id });
    for (const resource of ['customers', 'loyalty-cards']) await sync(connectionId, resource, 'pull');
    await load('loyalty-cards', { sourceId: 'mine', number: 'V-0001', tier: 'basic' });
    const answer = await service.send('DELETE', `${connections()}/${connectionId}?records=delete`);
    expect(answer.status).toBe(202);
    await until(async () => (await get(`${connections()}/${connectionId}`)).json['state'] === 'disconnected', {
      limitMs: 30_000,
      what: 'the connection is disconnected',
    });
    expect(await list('customers')).toEqual([]);
    expect((await list('loyalty-cards')).map(({ sourceId }) => sourceId)).toEqual(['mine']);
  });

  describe('webhooks of the provider', () => {
    const deliver = (body: string, headers: Readonly<Record<string, string>>) =>
      service.send('POST', '/webhooks/corner-desk', { body, headers, anonymous: true });
    const event = (type: string, more: object = {}) =>
      JSON.stringify({ id: `evt-${randomBytes(4).toString('hex')}`, type, ...more });

    it('are refused without a signature by one of the keys', async () => {
      const body = event('desk.closed', { desk: 'desk-account' });
      for (const headers of [{ 'content-type': 'application/json' }, signedBy('another-key-of-16', body)])
        expect(await deliver(body, headers)).toMatchObject({ status: 401, json: { code: 'webhook-not-signed' } });
    });

    it.each(WEBHOOK_KEYS)('are taken while one key replaces another: signed with %s', async (key) => {
      const body = event('card.printed');
      expect(await deliver(body, signedBy(key, body))).toMatchObject({ status: 200, json: { received: true } });
    });

    it('begin with the provider’s handshake, which nobody else may use', async () => {
      const ask = (provider: string, query: string) =>
        service.send('GET', `/webhooks/${provider}${query}`, { anonymous: true });
      expect(await ask('corner-desk', '?challenge=c0ffee')).toMatchObject({ status: 200, text: 'c0ffee' });
      for (const [provider, query] of [
        ['corner-desk', ''],
        ['corner-desk', '?challenge=%3Cb%3E'],
        ['stripe', '?challenge=c0ffee'],
        ['nobody', '?challenge=c0ffee'],
      ] as const)
        expect((await ask(provider, query)).status).toBe(405);
    });

    it('tell that an owner has taken the access back: the connection by consent asks, and needs a new consent', async () => {
      const started = await post(connections(), { provider: 'corner-desk', environment: 'sandbox' });
      expect(started).toMatchObject({ status: 201, json: { state: 'connecting' } });
      const browser = ownerBrowser(() => service.apiUrl);
      const page = await browser.open(String(started.json['authorizationUrl']));
      expect(page).toMatch(new RegExp(`^${desk.url}/oauth/authorize\\?client_id=our-app&`));
      const outcome = await browser.visit(desk.approve(page));
      expect([outcome.status, await outcome.text()]).toEqual([200, expect.stringContaining('Corner Desk')]);
      const connection = `${connections()}/${String(started.json['id'])}`;
      expect((await get(connection)).json).toMatchObject({ state: 'active', account: { id: 'desk-account' } });

      desk.revokeTokens();
      const body = event('desk.closed', { desk: 'desk-account' });
      expect((await deliver(body, signedBy(WEBHOOK_KEYS[0] ?? '', body))).status).toBe(200);
      await until(async () => (await get(connection)).json['state'] === 'needs-reauth', {
        limitMs: 30_000,
        what: 'the connection needs a new consent',
      });
    });
  });
});
