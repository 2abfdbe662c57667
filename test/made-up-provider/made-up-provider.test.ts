import { createHmac, randomBytes } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../activities/sync/sync-chunk.ts';
import { createSyncControlActivities } from '../../activities/sync/sync-control.ts';
import { readApiConfig, readWorkerConfig } from '../../config/config.ts';
import { variablesWith } from '../../config/variables.ts';
import type { SyncId, VenueId } from '../../contracts/ids.ts';
import type { SyncChunkResult, SyncSummary } from '../../contracts/sync.ts';
import { syncInputOf } from '../../db/runs/sync-input.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { Secret } from '../../vault/secret.ts';
import { createSealer } from '../../vault/sealer.ts';
import { createDeps } from '../../worker/deps.ts';
import type { WorkerDeps } from '../../worker/deps.ts';
import { createTemporalLogger } from '../../worker/temporal-logger.ts';
import { createApiWorld } from '../api/api-world.ts';
import type { AnswerBody, ApiWorld } from '../api/api-world.ts';
import { problemsOf } from '../config/problems-of.ts';
import { cornerDesk } from './corner-desk/index.ts';
import { startCornerDesk } from './stand-in.ts';

/** The registry with one line more. Nothing else of the service knows the provider. */
const DEFINITIONS = [...PROVIDERS, cornerDesk];

/** The second one is about to replace the first. */
const WEBHOOK_KEYS = ['the key of yesterday', 'the key of tomorrow'];

const ENV = {
  JWT_SECRET: 's'.repeat(32),
  MOCK_KMS: 'true',
  ENCRYPTION_KEY: randomBytes(32).toString('base64'),
  DATABASE_URL: 'postgres://app:pw@127.0.0.1:5432/interlock',
};

describe('the configuration of a provider that is one line of the registry', () => {
  it('has the variables that the provider’s settings make, and lists them with the others', () => {
    expect(Object.keys(variablesWith(DEFINITIONS))).toEqual(expect.arrayContaining(['CORNER_DESK_WEBHOOK_KEY']));
    expect(Object.keys(variablesWith(PROVIDERS))).not.toContain('CORNER_DESK_WEBHOOK_KEY');
  });

  it('refuses a wrong value by the variable’s name, without quoting it', () => {
    const problems = problemsOf(() => readApiConfig({ ...ENV, CORNER_DESK_WEBHOOK_KEY: 'too short' }, DEFINITIONS));
    expect(problems).toEqual([expect.stringMatching(/^CORNER_DESK_WEBHOOK_KEY is wrong\. It must be a key of/)]);
    expect(problems.join()).not.toContain('too short');
  });
});

describe('a provider that is one line of the registry', () => {
  let desk: Awaited<ReturnType<typeof startCornerDesk>>;
  let api: ApiWorld;
  let deps: WorkerDeps;
  let venueId: VenueId;
  beforeAll(async () => {
    desk = await startCornerDesk();
    const { keyring } = readWorkerConfig(ENV, DEFINITIONS);
    const settings = {
      'corner-desk': { webhookKey: WEBHOOK_KEYS.map((key) => new Secret(key)), privateAddresses: ['127.0.0.1'] },
    };
    api = await createApiWorld({
      definitions: DEFINITIONS,
      providers: settings as object,
      deps: { sealer: createSealer(keyring) },
    });
    const config = readWorkerConfig(
      { ...ENV, DATABASE_URL: api.database.url, CORNER_DESK_PRIVATE_ADDRESSES: '127.0.0.1' },
      DEFINITIONS,
    );
    deps = await createDeps(config, createLogger({ name: 'test', level: 'fatal' }), DEFINITIONS);
    venueId = await api.aVenue();
  });
  afterAll(async () => {
    await deps.close();
    await Promise.all([api.close(), desk.close()]);
  });

  const connections = () => `/v1/venues/${venueId}/connections`;
  const connect = (credentials: object) =>
    api.send('POST', connections(), { json: { provider: 'corner-desk', environment: 'sandbox', credentials } });

  /** A run that the API has started, carried out by the activities in the place of a worker. */
  async function sync(connectionId: string, direction: 'push' | 'pull'): Promise<SyncSummary> {
    const started = await api.send('POST', `/v1/venues/${venueId}/syncs`, {
      json: { connectionId, resource: 'customers', direction, mode: 'full' },
    });
    expect([started.status, started.json.code]).toEqual([202, undefined]);
    const run = await api.runs.find(venueId, started.json.id as SyncId);
    const input = syncInputOf(run!);
    const stage = () => new MockActivityEnvironment({}, { logger: createTemporalLogger(deps.log) });
    const { beginSync, finishSync } = createSyncControlActivities(deps);
    const { syncChunk } = createSyncChunkActivities(deps);
    await stage().run(beginSync, input);
    for (;;) {
      const { status }: SyncChunkResult = await stage().run(syncChunk, input);
      if (status === 'done') return stage().run(finishSync, { ...input, end: 'done' as const });
      expect(status).toBe('more');
    }
  }

  it('is an integration with its resources, its credential fields and the version of its API', async () => {
    const { json } = await api.send('GET', '/v1/integrations/corner-desk');
    expect(json).toMatchObject({
      provider: 'corner-desk',
      displayName: 'Corner Desk',
      configured: true,
      connect: ['api-key'],
      resources: [{ resource: 'customers', directions: ['push', 'pull'] }],
      credentialFields: [
        { name: 'baseUrl', secret: false },
        { name: 'user', secret: false },
        { name: 'password', secret: true },
      ],
      apiVersion: { name: '2', endsOn: '2027-12-31' },
    });
    const { json: all } = await api.send('GET', '/v1/integrations');
    expect((all.data as unknown as { provider: string }[]).map(({ provider }) => provider)).toContain('corner-desk');
  });

  it('stands in the OpenAPI document: its id, and the fields of its credentials', async () => {
    const document = (await api.send('GET', '/openapi.json', { token: null })).json as unknown as {
      components: { schemas: Record<string, { enum?: string[]; properties?: Record<string, object> }> };
    };
    const { Provider, NewConnection } = document.components.schemas;
    expect(Provider?.enum).toEqual(DEFINITIONS.map(({ id }) => id));
    expect(NewConnection?.properties?.['credentials']).toMatchObject({
      anyOf: [
        { properties: { secretKey: { format: 'password' } } },
        { properties: { baseUrl: {}, user: {}, password: { format: 'password' } } },
      ],
    });
  });

  it('refuses credentials with every wrong field at once, and stores nothing', async () => {
    const answer = await connect({ baseUrl: 'ftp://desk', secretKey: 'x', password: '' });
    expect(answer.status).toBe(400);
    expect(answer.json.errors.map(({ path }) => path).toSorted()).toEqual([
      'credentials.baseUrl',
      'credentials.password',
      'credentials.secretKey',
      'credentials.user',
    ]);
    const wrong = await connect({ ...desk.credentials, password: 'another' });
    expect([wrong.status, wrong.json.code]).toEqual([422, 'credentials-refused']);
    expect((await api.send('GET', connections())).json.data).toEqual([]);
  });

  it.each(['http://10.0.0.1', 'http://169.254.169.254', 'http://[::1]:80', 'http://127.0.0.2'])(
    'calls no address that is not public and not allowed: %s',
    async (baseUrl) => {
      const answer = await connect({ ...desk.credentials, baseUrl });
      expect(answer).toMatchObject({
        status: 400,
        json: { code: 'invalid-request', errors: [{ path: 'credentials' }] },
      });
    },
  );

  it('is connected by its credentials: the secret one is sealed, the others are stored as they are', async () => {
    const answer = await connect(desk.credentials);
    expect(answer).toMatchObject({ status: 201, json: { state: 'active', account: { id: 'desk-account' } } });
    expect(answer.text).not.toContain(desk.credentials.password);
    const { baseUrl, user } = desk.credentials;
    const rows = await api.database.admin<{ fields: object; sealed: Buffer }[]>`
      select fields, sealed_key as sealed from venue_api_keys where connection_id = ${answer.json.id}`;
    expect(rows[0]?.fields).toEqual({ baseUrl, user });
    expect(rows[0]?.sealed.toString('latin1')).not.toContain(desk.credentials.password);
    expect(api.logLines.join()).not.toContain(desk.credentials.password);
  });

  it.each(WEBHOOK_KEYS)('has its webhooks taken while one key replaces another: signed with %s', async (key) => {
    const body = JSON.stringify({ id: `evt-${randomBytes(4).toString('hex')}`, type: 'desk.closed', desk: 'nobody' });
    const send = (signature: string) =>
      api.send('POST', '/webhooks/corner-desk', {
        token: null,
        body,
        headers: { 'content-type': 'application/json', 'desk-signature': signature },
      });
    const signed = createHmac('sha256', key).update(body).digest('hex');
    expect((await send(signed)).status).toBe(200);
    for (const wrong of ['', createHmac('sha256', 'another key').update(body).digest('hex')])
      expect((await send(wrong)).json.code).toBe('webhook-not-signed');
  });

  it('answers the provider’s handshake, and nobody else’s', async () => {
    const ask = (provider: string, query: string) => api.send('GET', `/webhooks/${provider}${query}`, { token: null });
    expect(await ask('corner-desk', '?challenge=c0ffee')).toMatchObject({ status: 200, text: 'c0ffee' });
    for (const [provider, query] of [
      ['corner-desk', ''],
      ['corner-desk', '?challenge=%3Cb%3E'],
      ['stripe', '?challenge=c0ffee'],
      ['nobody', '?challenge=c0ffee'],
    ] as const)
      expect((await ask(provider, query)).status).toBe(405);
  });

  it('syncs customers both ways, and changes nothing when nothing has changed', async () => {
    const { json } = await connect(desk.credentials);
    for (let index = 1; index <= 7; index += 1) desk.add({ name: `Guest ${index}`, mail: `guest${index}@example.com` });
    const records = `/v1/venues/${venueId}/records/customers`;
    await api.send('POST', `${records}/batch`, {
      json: { records: [{ sourceId: 'c-1', name: 'Ana', email: 'ana@example.com' }] },
    });

    expect((await sync(json.id, 'pull')).counts).toMatchObject({ read: 7, created: 7 });
    const { json: page } = await api.send('GET', `${records}?connectionId=${json.id}`);
    const names = page.data.map((record: AnswerBody & { name?: string }) => record.name);
    expect(names).toContain('Guest 7');

    expect((await sync(json.id, 'push')).counts).toMatchObject({ created: 1 });
    expect([...desk.customers.values()].map(({ name }) => name)).toContain('Ana');

    const writes = desk.writes();
    expect((await sync(json.id, 'push')).counts).toMatchObject({ created: 0, updated: 0 });
    expect((await sync(json.id, 'pull')).counts).toMatchObject({ created: 0, updated: 0, archived: 0 });
    expect(desk.writes()).toBe(writes);
  });
});
