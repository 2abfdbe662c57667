import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { jwtVerify } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bringUp } from '../../../runtime/start/bring-up.ts';
import { homeOf } from '../../../runtime/start/home.ts';
import { Instance, SERVICES } from '../../../runtime/start/instance.ts';
import { Supervisor } from '../../../runtime/processes/supervisor.ts';
import { rotateLogs } from '../../../runtime/start/logs.ts';
import { markOf } from '../../../runtime/processes/processes.ts';
import { loadSecrets } from '../../../runtime/start/secrets.ts';
import { createEmptyDatabase } from '../../support/services/database.ts';
import { createTestNamespace } from '../../support/services/temporal.ts';
import { aFolder, eventually } from '../support.ts';
import type { Env, Home } from '../../../runtime/start/home.ts';

interface Started {
  apiUrl: string;
  databaseUrl: string;
  temporalAddress: string;
  sandbox: Record<
    'stripe' | 'square' | 'quickbooks' | 'mailchimp' | 'xero',
    { controlUrl: string; secretKey: string; webhookSecret: string }
  >;
  venueId: string | null;
  connectionId: string | null;
  token: string | null;
  pids: Record<string, number | null>;
}

interface Copy {
  readonly home: Home;
  readonly lines: string[];
  started(): Started;
  stop(): Promise<void>;
}

const FREE_PORTS = { PORT: '0', SANDBOX_STRIPE_PORT: '0', SANDBOX_STRIPE_CONTROL_PORT: '0' };

/** Every service of a copy except the servers, which the test run shares. */
async function givenServers(): Promise<Env> {
  const [database, temporal] = await Promise.all([createEmptyDatabase(), createTestNamespace()]);
  onTestFinished(() => database.drop());
  return {
    ...process.env,
    ...FREE_PORTS,
    DATABASE_URL: database.ownerUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
  };
}

async function start(env: Env, home = homeOf({ INTERLOCK_HOME: aFolder() })): Promise<Copy> {
  const lines: string[] = [];
  const log = (line: string): void => {
    lines.push(line);
  };
  const instance = await Instance.claim(home, log);
  const running = { rewrite: (): void => undefined };
  const supervisor = new Supervisor({
    log,
    onUp: (name, pid) => {
      instance.setChild(
        SERVICES.find((service) => service === name)!,
        pid,
      );
      running.rewrite();
    },
  });
  const stop = async (): Promise<void> => {
    await supervisor.stopAll(SERVICES);
    instance.release();
  };
  onTestFinished(stop);
  rotateLogs(home.logsFolder);
  running.rewrite = await bringUp({
    env,
    home,
    instance,
    supervisor,
    log,
    startedAtMs: Date.now(),
    namespace: env['TEMPORAL_NAMESPACE'] ?? 'default',
    host: '127.0.0.1',
  });
  return { home, lines, stop, started: () => JSON.parse(readFileSync(home.startedFile, 'utf8')) as Started };
}

const isUp = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`).then(
    ({ status }) => status === 200,
    () => false,
  );

describe('a copy on external servers', () => {
  test('syncs its demonstration venue, prints every address, survives the death of its children, and resumes', async () => {
    const env = await givenServers();
    const first = await start(env);
    const started = first.started();

    expect(statSync(first.home.startedFile).mode & 0o777).toBe(0o600);
    expect(started).toMatchObject({
      databaseUrl: env['DATABASE_URL'],
      temporalAddress: env['TEMPORAL_ADDRESS'],
      pids: { supervisor: process.pid, temporal: null, postgres: null },
    });
    // On a busy machine a dependency may take longer than it is waited for.
    await expect
      .poll(async () => (await fetch(`${started.apiUrl}/health/deep`)).json(), { timeout: 20_000 })
      .toMatchObject({ status: 'ok', checks: { workers: { status: 'ok', count: 1 } } });
    const said = first.lines.join('\n');
    expect(said).toContain('the sync read 12 customers: 12 created and 0 updated at the sandbox, 0 unchanged');
    expect(said).toContain(`${started.apiUrl}/docs`);
    expect(said).toMatch(/curl -s -H "Authorization: Bearer \$TOKEN" '\S+limit=3'/);
    // A command that issues a token for an hour, instead of a token for all venues and a month.
    const [, command = ''] = /TOKEN=\$\((.+)\)/.exec(said) ?? [];
    expect(command).toBe(
      `INTERLOCK_HOME='${first.home.folder}' npm run -s interlock -- token --role viewer --venue ${started.venueId ?? ''}`,
    );
    expect(said).not.toContain(started.token);
    expect(said).not.toMatch(/eyJ[\w-]+\.[\w-]+\.[\w-]+/);

    const { data } = (await (await fetch(`${started.sandbox.stripe.controlUrl}/state/customers`)).json()) as {
      data: { email: string }[];
    };
    expect(data).toHaveLength(12);
    const { payload } = await jwtVerify(started.token!, Buffer.from(loadSecrets(first.home.secretsFile).jwtSecret));
    expect(payload).toMatchObject({ role: 'admin', venues: '*' });

    // The apps that every stand-in registered for us, which a killed sandbox restores.
    const apps = (): Promise<unknown[]> =>
      Promise.all(
        Object.values(started.sandbox).map(async ({ controlUrl }) => (await fetch(`${controlUrl}/apps`)).json()),
      );
    const appsBefore = await apps();
    expect(Object.keys(started.sandbox)).toEqual(['stripe', 'square', 'quickbooks', 'mailchimp', 'xero']);

    // A killed child comes back on the same port, and started.json lists its new process id.
    const { api, worker, sandbox } = started.pids;
    for (const pid of [api!, worker!, sandbox!]) process.kill(pid, 'SIGKILL');
    await eventually(
      () => ['api', 'worker', 'sandbox'].every((name) => first.started().pids[name] !== started.pids[name]),
      30_000,
    );
    await eventually(() => isUp(started.apiUrl));
    // The sandbox may take longer than the API.
    await eventually(() =>
      apps().then(
        () => true,
        () => false,
      ),
    );
    for (const name of ['api', 'worker', 'sandbox']) expect(markOf(first.started().pids[name]!)).not.toBeNull();
    expect(await apps()).toEqual(appsBefore);

    const pids = Object.values(first.started().pids).filter((pid) => pid !== null && pid !== process.pid);
    await first.stop();
    expect(pids.filter((pid) => markOf(pid!) !== null)).toEqual([]);
    expect(() => statSync(first.home.startedFile)).toThrow(/ENOENT/);

    const second = await start(env, first.home);
    expect(second.started()).toMatchObject({ venueId: started.venueId, connectionId: started.connectionId });
    expect(second.lines.join('\n')).toContain('the sync found nothing that has changed since the last one');
    expect(statSync(path.join(first.home.logsFolder, 'api.log.1')).size).toBeGreaterThan(0);
  }, 120_000);

  test('never logs a secret', async () => {
    const copy = await start(await givenServers());
    const { secretKey, webhookSecret } = copy.started().sandbox.stripe;
    await copy.stop();
    const secrets = [...Object.values(loadSecrets(copy.home.secretsFile)), secretKey, webhookSecret];
    expect(secrets).not.toContain(undefined);
    for (const name of ['api', 'worker', 'sandbox']) {
      const text = readFileSync(path.join(copy.home.logsFolder, `${name}.log`), 'utf8');
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    }
  }, 60_000);

  test('sends no invented customers to an external Stripe, and issues no token when tokens are issued elsewhere', async () => {
    const env = await givenServers();
    const copy = await start({ ...env, STRIPE_API_URL: 'http://127.0.0.1:9', JWT_JWKS_URL: 'http://127.0.0.1:9/keys' });
    expect(copy.started()).toMatchObject({ venueId: null, connectionId: null, token: null });
    expect(copy.lines.join('\n')).toContain('no demonstration: JWT_JWKS_URL is set');
  }, 60_000);
});

test('names an external Temporal that does not answer', async () => {
  const database = await createEmptyDatabase();
  onTestFinished(() => database.drop());
  const env = { ...process.env, ...FREE_PORTS, DATABASE_URL: database.ownerUrl, TEMPORAL_ADDRESS: '127.0.0.1:9' };
  await expect(start(env)).rejects.toThrow(
    /^TEMPORAL_ADDRESS=127\.0\.0\.1:9, namespace default: Temporal does not answer/,
  );
}, 60_000);

test('reports a service that rejects its environment, in the service’s own words', async () => {
  const env = await givenServers();
  await expect(start({ ...env, LOG_LEVEL: 'loud' })).rejects.toThrow(
    /did not start: it ended with exit code 78\..*LOG_LEVEL is wrong/s,
  );
}, 60_000);
