import { setTimeout as sleep } from 'node:timers/promises';
import { generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aToken, createApiWorld } from '../api-world.ts';

type World = Awaited<ReturnType<typeof createApiWorld>>;

const SHARED_MS = 1_000;
const NEVER = new Promise<never>(() => undefined);

describe('deep health', () => {
  let api: World;
  beforeAll(async () => {
    api = await createApiWorld();
  });
  afterAll(() => api.close());
  beforeEach(async () => {
    Object.assign(api.gateway, { away: false, workers: 1 });
    await api.database.admin`truncate provider_circuits, webhook_events, dead_letters cascade`;
    // What was found for an earlier test is over.
    await sleep(SHARED_MS + 50);
  });

  const deep = (token?: string | null) => api.send('GET', '/health/deep', token === undefined ? {} : { token });

  it('is ok while everything answers, and says how long each took', async () => {
    const check = { status: 'ok', latencyMs: expect.any(Number) as number };
    expect(await deep()).toMatchObject({
      status: 200,
      json: {
        status: 'ok',
        checks: { postgres: check, temporal: check, keyService: check, workers: { ...check, count: 1 } },
        ...{ circuits: [], budgets: [] },
        backlog: { events: [], deliveries: { pending: 0, overdueSeconds: 0 }, deadLetters: [] },
      },
    });
  });

  it('is down and answers 503 without Temporal, and says which dependency it is', async () => {
    api.gateway.away = true;
    expect(await deep()).toMatchObject({
      status: 503,
      json: {
        status: 'down',
        checks: { postgres: { status: 'ok' }, temporal: { status: 'down' }, workers: { status: 'down', count: null } },
      },
    });
  });

  it('is degraded while no worker listens', async () => {
    api.gateway.workers = 0;
    expect(await deep()).toMatchObject({
      status: 200,
      json: { status: 'degraded', checks: { workers: { count: 0 } } },
    });
  });

  it('is degraded while the circuit of a whole provider is open, and not for one of an account', async () => {
    const open = (key: string) => api.database.admin`
      insert into provider_circuits (key, failures, opened_at, retry_at)
      values (${key}, 5, now(), now() + interval '1 minute')`;
    await open('stripe/sandbox/acct_secret');
    const first = await deep();
    expect(first.json).toMatchObject({ status: 'ok', circuits: [{ scope: 'account', count: 1 }] });
    expect(first.text).not.toContain('acct_secret');
    await open('stripe/sandbox/*');
    await expect.poll(async () => (await deep()).json).toMatchObject({ status: 'degraded' });
  });

  it('counts what waits, and is degraded when an event has waited for over five minutes', async () => {
    await api.database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, partition, received_at)
      values (gen_random_uuid(), 'stripe', 'app', 'evt_old', 'customer.created', 0, now() - interval '6 minutes')`;
    expect((await deep()).json).toMatchObject({
      status: 'degraded',
      backlog: { events: [{ provider: 'stripe', state: 'waiting', count: 1 }] },
    });
  });

  it('tells sums of all venues only to a token that reaches them all', async () => {
    const ofOne = await aToken({ venues: ['00000000-0000-7000-8000-000000000000'] });
    for (const token of [null, ofOne])
      expect((await deep(token)).json).toMatchObject({
        ...{ status: 'ok', checks: { postgres: { status: 'ok' } } },
        ...{ circuits: null, budgets: null, backlog: null },
      });
    expect(await deep(await aToken({ secret: 'another'.repeat(8) }))).toMatchObject({
      status: 401,
      json: { code: 'not-authenticated' },
    });
  });

  it('takes everybody for a stranger while the keys of tokens cannot be fetched', async () => {
    const jwt = { kind: 'jwks', maxLifeSeconds: 86_400, url: 'http://127.0.0.1:1/keys' } as const;
    const keyless = await createApiWorld({ config: { jwt } });
    const { privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ role: 'admin', venues: '*' })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .setSubject('tester')
      .setExpirationTime('5m')
      .sign(privateKey);
    expect(await keyless.send('GET', '/health/deep', { token })).toMatchObject({
      status: 200,
      json: { backlog: null },
    });
    await keyless.close();
  });

  it('asks the dependencies once for all who ask within a second, and waits two seconds for one that hangs', async () => {
    let asked = 0;
    const hanging = await createApiWorld({
      deps: {
        pingDatabase: () => {
          asked += 1;
          return NEVER;
        },
      },
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => hanging.send('GET', '/health/deep')));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503, 503, 503]);
    expect(asked).toBe(1);
    await hanging.close();
  });
});
