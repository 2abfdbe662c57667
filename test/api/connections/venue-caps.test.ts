import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { metricValue } from '../../support/metrics.ts';
import { aKey, createApiWorld } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

const MAX_CONNECTIONS = 3;
const MAX_SCHEDULES = 5;

let api: ApiWorld;
let venueId: VenueId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld({ venueCaps: { connections: MAX_CONNECTIONS, schedules: MAX_SCHEDULES } });
});
afterAll(() => api.close());
beforeEach(async () => {
  api.scheduleGateway.away = false;
  venueId = await api.aVenue();
  path = `/v1/venues/${venueId}/connections`;
});

const connectWithKey = async (secretKey?: string) =>
  api.send('POST', path, { json: aKey(secretKey ?? (await api.stripe.addAccount()).secretKey) });
const askForConsent = () => api.send('POST', path, { json: { provider: 'square', environment: 'sandbox' } });
const statesOf = async () => (await api.send('GET', path)).json.data.map(({ state }) => state);
const counted = (limit: string) => metricValue('interlock_limits_total', { limit });
const statusesOf = (answers: readonly Answered[]) => answers.map(({ status }) => status).sort((a, b) => a - b);

describe('connections of a venue', () => {
  it('are no more than the cap, in whichever way they are asked for', async () => {
    for (let index = 0; index < MAX_CONNECTIONS; index += 1) expect((await connectWithKey()).status).toBe(201);
    for (const answer of [await connectWithKey(), await askForConsent()])
      expect(answer).toMatchObject({
        status: 409,
        json: { code: 'connection-limit-reached', detail: 'The venue has 3 connections, and may have no more.' },
      });
    expect(await statesOf()).toHaveLength(MAX_CONNECTIONS);
  });

  it('are no more than the cap when many are asked for at once', async () => {
    const accounts = await Promise.all(Array.from({ length: 6 }, () => api.stripe.addAccount()));
    const answers = await Promise.all(
      accounts.flatMap(({ secretKey }) => [connectWithKey(secretKey), askForConsent()]),
    );
    expect(statusesOf(answers)).toEqual([
      ...Array.from({ length: MAX_CONNECTIONS }, () => 201),
      ...Array.from({ length: 12 - MAX_CONNECTIONS }, () => 409),
    ]);
    expect(await statesOf()).toHaveLength(MAX_CONNECTIONS);
  });

  it('leave a full venue free to replace the key of an account that it has', async () => {
    const { secretKey } = await api.stripe.addAccount();
    await connectWithKey(secretKey);
    for (let index = 1; index < MAX_CONNECTIONS; index += 1) await connectWithKey();
    expect((await connectWithKey(secretKey)).status).toBe(200);
  });

  it('stop counting when they are disconnected, and count again when their account comes back', async () => {
    const { secretKey } = await api.stripe.addAccount();
    const first = await connectWithKey(secretKey);
    for (let index = 1; index < MAX_CONNECTIONS; index += 1) await connectWithKey();
    await api.database.admin`update connections set state = 'disconnected' where id = ${first.json.id}`;
    expect((await connectWithKey()).status).toBe(201);
    expect(await connectWithKey(secretKey)).toMatchObject({ status: 409, json: { code: 'connection-limit-reached' } });
  });

  it('do not count against another venue', async () => {
    for (let index = 0; index < MAX_CONNECTIONS; index += 1) await connectWithKey();
    path = `/v1/venues/${await api.aVenue()}/connections`;
    expect((await connectWithKey()).status).toBe(201);
  });

  it('count their refusals as a limit, name it in the log line, and audit it', async () => {
    for (let index = 0; index < MAX_CONNECTIONS; index += 1) await connectWithKey();
    const before = await counted('connection-limit-reached');
    await askForConsent();
    expect(await counted('connection-limit-reached')).toBe(before + 1);
    expect(api.logLines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ msg: 'request', venueId, limit: 'connection-limit-reached' }),
    );
    expect((await api.send('GET', `/v1/venues/${venueId}/audit`)).json.data[0]).toMatchObject({
      action: 'connection.refused',
      details: { code: 'connection-limit-reached' },
    });
  });

  it('begin no attempt to connect where there is no room', async () => {
    for (let index = 0; index < MAX_CONNECTIONS; index += 1) await connectWithKey();
    const before = api.connectionGateway.inputs.size;
    await askForConsent();
    expect(api.connectionGateway.inputs.size).toBe(before);
  });
});

describe('schedules of a venue', () => {
  const schedulesOf = (connectionId: string) => `${path}/${connectionId}/schedules`;
  const schedule = (connectionId: string, resource: string) =>
    api.send('PUT', `${schedulesOf(connectionId)}/${resource}`, { json: { every: '1h' } });
  const listed = async (connectionId: string) => (await api.send('GET', schedulesOf(connectionId))).json.data;
  const RESOURCES = ['customers', 'products', 'invoices', 'transactions'];

  it('are no more than the cap, defaults included, over all connections', async () => {
    const first = (await connectWithKey()).json.id;
    const second = (await connectWithKey()).json.id;
    expect(await listed(first)).toHaveLength(RESOURCES.length);
    expect(await listed(second)).toHaveLength(MAX_SCHEDULES - RESOURCES.length);
    const missing = RESOURCES.filter((resource) => !kept(second).includes(resource));
    expect(await schedule(second, missing[0] ?? '')).toMatchObject({
      status: 409,
      json: { code: 'schedule-limit-reached' },
    });
    expect(await listed(second)).toHaveLength(MAX_SCHEDULES - RESOURCES.length);
  });

  const kept = (connectionId: string) =>
    [...api.scheduleGateway.kept.keys()]
      .filter((id) => id.includes(connectionId))
      .map((id) => id.split('/').at(-1) ?? '');

  it('can be changed in a full venue', async () => {
    const first = (await connectWithKey()).json.id;
    await connectWithKey();
    expect((await schedule(first, 'customers')).status).toBe(200);
  });

  it('make room when one is deleted, for one at a time', async () => {
    const first = (await connectWithKey()).json.id;
    const second = (await connectWithKey()).json.id;
    const missing = RESOURCES.filter((resource) => !kept(second).includes(resource));
    expect((await api.send('DELETE', `${schedulesOf(first)}/products`)).status).toBe(200);
    const answers = await Promise.all(missing.map((resource) => schedule(second, resource)));
    expect(statusesOf(answers)).toEqual([200, 409, 409]);
  });

  it('make room when one is deleted that somebody has removed in the Temporal Web UI', async () => {
    const first = (await connectWithKey()).json.id;
    const second = (await connectWithKey()).json.id;
    const missing = RESOURCES.filter((resource) => !kept(second).includes(resource));
    for (const id of api.scheduleGateway.kept.keys())
      if (id.includes(first) && id.endsWith('products')) api.scheduleGateway.kept.delete(id);
    expect((await api.send('DELETE', `${schedulesOf(first)}/products`)).status).toBe(404);
    expect((await schedule(second, missing[0] ?? '')).status).toBe(200);
  });

  it('are not made later by themselves where a default one found no room', async () => {
    const first = (await connectWithKey()).json.id;
    const second = (await connectWithKey()).json.id;
    await api.send('DELETE', `${schedulesOf(first)}/products`);
    expect((await schedule(second, kept(second)[0] ?? '')).status).toBe(200);
    expect(kept(second)).toHaveLength(1);
  });

  it('count as a limit where a default one is left out, with a log line', async () => {
    const before = await counted('schedule-limit-reached');
    await connectWithKey();
    const second = (await connectWithKey()).json.id;
    expect(await counted('schedule-limit-reached')).toBe(before + 3);
    expect(api.logLines.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ venueId, connectionId: second, limit: 'schedule-limit-reached' }),
    );
  });
});
