import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { providerEnvironment } from '../../runtime/processes/child-environment.ts';
import { settingsOf } from '../support/sandbox/sandbox-oauth.ts';
import { createConnectionWorld } from '../support/worlds/connection-world.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { aWorkerProcess } from '../worker/support.ts';

const TOKEN_PATH = '/oauth2/token';
const exchangesAt = async (world: ConnectionWorld, since: number) =>
  (await world.control.square.calls(since)).filter(
    ({ path, grantType }) => path === TOKEN_PATH && grantType === 'authorization_code',
  );

describe('an attempt to connect whose key service is away', () => {
  let world: ConnectionWorld;
  let kms: Awaited<ReturnType<typeof startKmsServer>>;
  beforeAll(async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDEXAMPLE');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'not-a-real-secret');
    kms = await startKmsServer();
    world = await createConnectionWorld({
      keyring: { kind: 'kms', keyId: kms.keyArn, region: 'eu-central-1', endpoint: kms.endpoint },
    });
  }, 120_000);
  afterEach(async () => {
    kms.fail(null);
    await world.control.square.clearFaults();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await world.close();
    await kms.stop();
  });

  it('spends no code until the key service is back, and then connects', async () => {
    const attempt = await world.begin(await world.aVenue(), 'square');
    const callback = await world.approve(attempt, 'new');
    const [since, callsBefore] = [Date.now(), kms.calls.length];
    kms.fail({ kind: 'error', status: 500, code: 'KMSInternalException' });
    const completion = world.complete(attempt, callback);
    await until(() => kms.calls.length >= callsBefore + 6, {
      limitMs: 30_000,
      what: 'the worker has tried twice to open the code',
    });
    expect(await world.control.square.calls(since)).toEqual([]);
    kms.fail(null);
    expect(await completion).toMatchObject({ outcome: 'connected' });
  });

  it('stores what the code brought even when the key service fails during the exchange', async () => {
    const attempt = await world.begin(await world.aVenue(), 'square');
    const callback = await world.approve(attempt, 'new');
    const since = Date.now();
    await world.control.square.fault({ match: { method: 'GET' }, kind: 'status', status: 503 });
    const completion = world.complete(attempt, callback);
    await until(async () => (await exchangesAt(world, since)).length === 1, {
      limitMs: 30_000,
      what: 'the code was exchanged',
    });
    kms.fail({ kind: 'error', status: 500, code: 'KMSInternalException' });
    await world.control.square.clearFaults();
    expect(await completion).toMatchObject({ outcome: 'connected' });
    expect(await exchangesAt(world, since)).toHaveLength(1);
  });
});

// Two workers start in a test, and Temporal keeps an activity of the first for up to 30 seconds.
describe('an attempt to connect whose worker is killed', { timeout: 180_000 }, () => {
  let world: ConnectionWorld;
  beforeAll(async () => {
    world = await createConnectionWorld();
    await world.workers.stop();
  }, 120_000);
  afterAll(() => world.close());

  const aWorker = async () => {
    const worker = await aWorkerProcess({
      ...providerEnvironment({}, settingsOf(world.sandbox)),
      DATABASE_URL: world.database.url,
      TEMPORAL_ADDRESS: world.temporal.address,
      TEMPORAL_NAMESPACE: world.temporal.namespace,
      ENCRYPTION_KEY: world.encryptionKey,
    });
    await until(async () => (await worker.health('ready')) === 200, {
      limitMs: 60_000,
      what: 'the worker is ready',
      everyMs: 200,
    });
    return worker;
  };

  it('is completed by another worker with what the code brought when its worker dies before storing it', async () => {
    const victim = await aWorker();
    const attempt = await world.begin(await world.aVenue(), 'square');
    const { id: account } = await world.control.square.addAccount();
    const callback = await world.approve(attempt, account);
    await world.control.square.fault({ match: { method: 'GET' }, kind: 'slow', delayMs: 60_000 });
    const since = Date.now();
    const completion = world.complete(attempt, callback);
    await until(
      async () =>
        (await world.database.admin`select 1 from authorization_exchanges where state = 'granted'`).length === 1,
      { limitMs: 60_000, what: 'the code was exchanged' },
    );
    victim.stop('SIGKILL');
    await world.control.square.clearFaults();
    const heir = await aWorker();
    expect(await completion).toEqual({ outcome: 'connected', connectionId: attempt.connectionId });
    expect(await world.connectionOf(attempt)).toMatchObject({ state: 'active', account: { id: account } });
    expect(await world.credentialsOf(attempt.connectionId)).toEqual({ keys: 0, grants: 1, generation: 1 });
    expect(await exchangesAt(world, since)).toHaveLength(1);
    expect(await world.database.admin`select 1 from authorization_exchanges`).toHaveLength(0);
    heir.stop();
    await heir.exitCode();
  });

  it('sends the code only once when its worker dies during the exchange, and reports that the answer was lost', async () => {
    const victim = await aWorker();
    const attempt = await world.begin(await world.aVenue(), 'square');
    const callback = await world.approve(attempt, 'new');
    await world.control.square.fault({ match: { path: TOKEN_PATH }, kind: 'commit-then-fail', delayMs: 60_000 });
    const since = Date.now();
    const completion = world.complete(attempt, callback);
    await until(
      async () =>
        (
          await world.database
            .admin`select 1 from authorization_exchanges where connection_id = ${attempt.connectionId}`
        ).length === 1,
      { limitMs: 60_000, what: 'the code is being exchanged' },
    );
    victim.stop('SIGKILL');
    await world.control.square.clearFaults();
    const heir = await aWorker();
    expect(await completion).toMatchObject({ outcome: 'refused', code: 'answer-lost' });
    expect((await exchangesAt(world, since)).length).toBeLessThanOrEqual(1);
    expect(await world.connectionOf(attempt)).toMatchObject({ state: 'disconnected', nextAction: 'Connect again.' });
    expect(await world.database.admin`select 1 from authorization_exchanges`).toHaveLength(0);
    heir.stop();
    await heir.exitCode();
  });
});
