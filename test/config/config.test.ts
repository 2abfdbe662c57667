import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../config/config-error.ts';
import { readApiConfig, readMigrationConfig, readRuntimeConfig, readWorkerConfig } from '../../config/config.ts';
import type { Env } from '../../config/environment.ts';
import { variablesWith } from '../../config/variables.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { COMPLETE, KMS } from './complete-environment.ts';
import { problemsOf } from './problems-of.ts';

const readApi = (env: Env) => readApiConfig(env, PROVIDERS);
const readWorker = (env: Env) => readWorkerConfig(env, PROVIDERS);
const readRuntime = (env: Env) => readRuntimeConfig(env, PROVIDERS);

describe('a bad environment', () => {
  it('is refused with every missing variable at once, each with how to get its value', () => {
    expect(problemsOf(() => readApi({}))).toEqual([
      expect.stringMatching(/^DATABASE_URL is missing\..*How to get it: /),
      expect.stringMatching(/^AWS_KMS_KEY_ID is missing, needed unless MOCK_KMS=true.*How to get it: /),
      expect.stringMatching(/^AWS_REGION is missing, needed unless MOCK_KMS=true.*How to get it: /),
      expect.stringMatching(/^JWT_SECRET is missing, needed unless JWT_JWKS_URL is set\..*How to get it: /),
    ]);
  });

  it.each([
    ['NODE_ENV', 'prod'],
    ['LOG_LEVEL', 'loud'],
    ['DATABASE_URL', 'mysql://app:pw@127.0.0.1/x'],
    ['TEMPORAL_ADDRESS', 'temporal'],
    ['TEMPORAL_UI_URL', 'ftp://127.0.0.1'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '3000.5'],
    ['PUBLIC_URL', 'not a url'],
    ['JWT_SECRET', 's'.repeat(31)],
    ['AWS_REGION', 'EU Central'],
    ['AWS_KMS_KEY_ID', 'a key'],
    ['AWS_KMS_ENDPOINT', 'https://user:pw@127.0.0.1'],
    ['MOCK_KMS', 'yes'],
    ['STRIPE_API_URL', 'api.stripe.com'],
    ['STRIPE_REQUESTS_PER_SECOND', '0'],
    ['STRIPE_REQUESTS_PER_SECOND', '1e999'],
    ['RATE_LIMIT_PER_CALLER_PER_MINUTE', '0'],
    ['RATE_LIMIT_PER_VENUE_PER_MINUTE', 'many'],
    ['RATE_LIMIT_STARTS_PER_VENUE_PER_MINUTE', '-1'],
    ['RATE_LIMIT_CONNECTING_PER_VENUE_PER_TEN_MINUTES', '1.5'],
    ['JWT_MAX_LIFE_SECONDS', '0'],
    ['TRUSTED_PROXIES', '10.0.0.0/8,all'],
    ['TRUSTED_PROXIES', '0.0.0.0/0'],
    ['TRUSTED_PROXIES', '10.0.0.0/33'],
    ['VENUE_SHARE_OF_ATOMIC_LOADS', '6'],
    ['VENUE_SHARE_OF_EVENT_STREAMS', '1001'],
    ['VENUE_SHARE_OF_DATABASE_CONNECTIONS', '21'],
    ['VENUE_SHARE_OF_STARTS_PER_SECOND', '0'],
    ['VENUE_SHARE_OF_TIME_MS_PER_SECOND', '1001'],
  ])('is refused for %s=%s, and for nothing else', (name, value) => {
    expect(problemsOf(() => readApi({ ...COMPLETE, [name]: value }))).toEqual([
      expect.stringMatching(new RegExp(`^${name} is wrong\\. It must be `)),
    ]);
  });

  it('is never quoted, whichever variable is wrong', () => {
    const canary = 'canary value 7f3a';
    const env = Object.fromEntries(Object.keys(variablesWith(PROVIDERS)).map((name) => [name, canary]));
    for (const read of [readApi, readWorker, readMigrationConfig, readRuntime]) {
      const error = caught(() => read(env));
      expect(error).toBeInstanceOf(ConfigError);
      expect(inspect(error)).not.toContain(canary);
    }
  });

  it('does not stop a process that does not read the variable', () => {
    expect(
      problemsOf(() => readMigrationConfig({ DATABASE_URL: COMPLETE['DATABASE_URL'], PORT: 'x', JWT_SECRET: 'short' })),
    ).toEqual([]);
  });

  it('treats an empty value as absent', () => {
    expect(problemsOf(() => readApi({ ...COMPLETE, DATABASE_URL: '' }))).toEqual([
      expect.stringMatching(/^DATABASE_URL is missing/),
    ]);
    expect(readApi({ ...COMPLETE, PORT: '' }).port).toBe(3000);
  });
});

describe('retention', () => {
  const retentionOf = (env: Env) => readWorker({ ...COMPLETE, ...env }).retention;
  const refusals = (env: Env) => problemsOf(() => readWorker({ ...COMPLETE, ...env }));

  it('has defaults', () => {
    expect(retentionOf({})).toEqual({
      everyMinutes: 60,
      auditDays: 400,
      runDays: 90,
      syncLogDays: 30,
      planDays: 7,
      webhookBodyDays: 30,
      webhookEventDays: 400,
      outgoingMessageDays: 30,
    });
  });

  it.each([
    ['RETENTION_EVERY_MINUTES', '9'],
    ['RETENTION_EVERY_MINUTES', '1441'],
    ['RETENTION_AUDIT_DAYS', '29'],
    ['RETENTION_AUDIT_DAYS', 'for ever'],
    ['RETENTION_RUN_DAYS', '7'],
    ['RETENTION_SYNC_LOG_DAYS', '0'],
    ['RETENTION_PLAN_DAYS', '1'],
    ['RETENTION_WEBHOOK_BODY_DAYS', '0'],
    ['RETENTION_WEBHOOK_EVENT_DAYS', '6'],
    ['RETENTION_WEBHOOK_EVENT_DAYS', '3651'],
  ])('refuses %s=%s, which is out of range or no number', (name, value) => {
    expect(refusals({ [name]: value })).toEqual([
      expect.stringMatching(new RegExp(`^${name} is wrong\\. It must be a whole number from `)),
    ]);
  });

  it.each(['RETENTION_SYNC_LOG_DAYS', 'RETENTION_PLAN_DAYS'])('refuses a %s longer than the run is kept', (name) => {
    expect(refusals({ [name]: '60', RETENTION_RUN_DAYS: '59' })).toContainEqual(
      expect.stringMatching(new RegExp(`^${name} is longer than RETENTION_RUN_DAYS`)),
    );
    expect(refusals({ [name]: '60', RETENTION_RUN_DAYS: '60' })).toEqual([]);
  });

  it('refuses to keep the body of a webhook event longer than the event', () => {
    expect(refusals({ RETENTION_WEBHOOK_BODY_DAYS: '60', RETENTION_WEBHOOK_EVENT_DAYS: '59' })).toEqual([
      expect.stringMatching(/^RETENTION_WEBHOOK_BODY_DAYS is longer than RETENTION_WEBHOOK_EVENT_DAYS/),
    ]);
    expect(refusals({ RETENTION_WEBHOOK_BODY_DAYS: '60', RETENTION_WEBHOOK_EVENT_DAYS: '60' })).toEqual([]);
  });
});

describe('the verification of tokens', () => {
  it('refuses a shared secret together with a key set', () => {
    const problems = problemsOf(() => readApi({ ...COMPLETE, JWT_JWKS_URL: 'https://id.example/jwks' }));
    expect(problems).toEqual([expect.stringMatching(/^JWT_SECRET and JWT_JWKS_URL are both set/)]);
  });

  it('uses a shared secret or a key set, with the required claims', () => {
    const secret = readApi({ ...COMPLETE, JWT_ISSUER: 'https://id.example' }).jwt;
    expect(secret).toMatchObject({ kind: 'secret', issuer: 'https://id.example' });
    expect(secret.kind === 'secret' && secret.secret.expose()).toBe(COMPLETE['JWT_SECRET']);
    expect(
      readApi({ ...COMPLETE, JWT_SECRET: '', JWT_JWKS_URL: 'https://id.example/jwks', JWT_AUDIENCE: 'interlock' }).jwt,
    ).toEqual({
      maxLifeSeconds: 86_400,
      kind: 'jwks',
      url: 'https://id.example/jwks',
      audience: 'interlock',
    });
  });
});

describe('the connection to Temporal', () => {
  it('uses no TLS on this machine by default', () => {
    expect(readWorker(COMPLETE).temporal).toEqual({ address: '127.0.0.1:7233', namespace: 'default' });
  });

  it('uses TLS whenever an API key is set, so that the key is never sent in clear text', () => {
    const { temporal } = readWorker({ ...COMPLETE, TEMPORAL_API_KEY: 'tk' });
    expect(temporal.tls).toEqual({});
    expect(temporal.apiKey?.expose()).toBe('tk');
  });

  it.each([
    ['TEMPORAL_TLS_CERT_FILE', 'TEMPORAL_TLS_KEY_FILE'],
    ['TEMPORAL_TLS_KEY_FILE', 'TEMPORAL_TLS_CERT_FILE'],
  ])('needs a complete client certificate: %s needs %s', (given, missing) => {
    expect(problemsOf(() => readWorker({ ...COMPLETE, [given]: '/tls/file.pem' }))).toEqual([
      expect.stringMatching(new RegExp(`^${missing} is missing`)),
    ]);
  });

  it('accepts TLS files by path', () => {
    const env = {
      ...COMPLETE,
      TEMPORAL_TLS_CA_FILE: 'ca.pem',
      TEMPORAL_TLS_CERT_FILE: 'c.pem',
      TEMPORAL_TLS_KEY_FILE: 'k.pem',
    };
    expect(readApi(env).temporal.tls).toEqual({ caFile: 'ca.pem', certFile: 'c.pem', keyFile: 'k.pem' });
  });
});

describe('a valid environment', () => {
  it('gives the api everything, with defaults filled in', () => {
    expect(readApi(COMPLETE)).toMatchObject({
      production: false,
      logLevel: 'info',
      databaseUrl: COMPLETE['DATABASE_URL'],
      keyring: { kind: 'kms', keyId: KMS['AWS_KMS_KEY_ID'], region: 'eu-central-1' },
      providers: { stripe: { apiUrl: 'https://api.stripe.com', requestsPerSecond: null } },
      host: '127.0.0.1',
      port: 3000,
      publicUrl: 'http://127.0.0.1:3000',
      temporalUiUrl: null,
      rateLimits: {
        perCallerPerMinute: 60_000,
        perVenuePerMinute: 60_000,
        startsPerVenuePerMinute: 600,
        connectingPerVenuePerTenMinutes: 60,
      },
      venueShares: {
        atomicLoads: 2,
        eventStreams: 200,
        databaseConnections: 8,
        startsPerSecond: 10,
        timeMsPerSecond: 250,
      },
      venueCaps: { connections: 100, schedules: 500 },
    });
  });

  it('in production names issuer, audience and public URL, and sends nothing in clear text to another machine', () => {
    const production = { ...COMPLETE, NODE_ENV: 'production' };
    expect(problemsOf(() => readApi(production))).toEqual([
      expect.stringMatching(/^JWT_ISSUER is missing, needed when NODE_ENV=production/),
      expect.stringMatching(/^JWT_AUDIENCE is missing/),
      expect.stringMatching(/^PUBLIC_URL is missing, needed when NODE_ENV=production/),
    ]);
    const whole = { ...production, JWT_SECRET: '', JWT_ISSUER: 'https://id.example', JWT_AUDIENCE: 'interlock' };
    const names = ['PUBLIC_URL', 'AWS_KMS_ENDPOINT', 'JWT_JWKS_URL', 'STRIPE_API_URL', 'QUICKBOOKS_TOKEN_URL'];
    const urls = (base: string) => Object.fromEntries(names.map((name) => [name, `${base}/${name.toLowerCase()}`]));
    const problems = problemsOf(() => readApi({ ...whole, ...urls('http://10.0.0.7') }));
    expect(problems.map((problem) => problem.split(' ')[0]).sort()).toEqual([...names].sort());
    expect(problems.join(' ')).not.toContain('10.0.0.7');
    for (const base of ['https://elsewhere.example', 'http://127.0.0.1:4000', 'http://[::1]:4000'])
      expect(problemsOf(() => readApi({ ...whole, ...urls(base) }))).toEqual([]);
    expect(problemsOf(() => readApi({ ...COMPLETE, PUBLIC_URL: 'http://10.0.0.7' }))).toEqual([]);
  });

  it('gives URLs without a trailing slash, so that paths can be appended', () => {
    const config = readApi({
      ...COMPLETE,
      PUBLIC_URL: 'https://api.example/',
      STRIPE_API_URL: 'http://127.0.0.1:4000/',
      TEMPORAL_UI_URL: 'http://127.0.0.1:8233//',
    });
    expect([config.publicUrl, config.providers['stripe']?.['apiUrl'], config.temporalUiUrl]).toEqual([
      'https://api.example',
      'http://127.0.0.1:4000',
      'http://127.0.0.1:8233',
    ]);
  });

  it('shows no secret when the whole configuration is printed', () => {
    const config = readApi({ ...COMPLETE, JWT_SECRET: 'canary'.repeat(8), TEMPORAL_API_KEY: 'canary' });
    expect(inspect(config, { depth: null }) + JSON.stringify(config)).not.toContain('canary');
  });

  it('lets the local start run with nothing set, and says which servers to start', () => {
    expect(readRuntime({})).toEqual({
      production: false,
      logLevel: 'info',
      home: '.interlock',
      host: '127.0.0.1',
      port: 3000,
      databaseUrl: null,
      temporalAddress: null,
      temporalNamespace: 'default',
    });
    expect(readRuntime({ TEMPORAL_ADDRESS: 't:7233' }).temporalAddress).toBe('t:7233');
  });

  it('gives the worker a health port only when one is set', () => {
    expect(readWorker(COMPLETE).healthPort).toBeNull();
    expect(readWorker({ ...COMPLETE, HEALTH_PORT: '9090', STRIPE_REQUESTS_PER_SECOND: '12.5' })).toMatchObject({
      healthPort: 9090,
      providers: { stripe: { requestsPerSecond: 12.5 } },
    });
  });
});

describe('exitOnConfigError', () => {
  it('exits with code 78 after writing the whole list to standard error', () => {
    const room = fileURLToPath(new URL('../../config/', import.meta.url));
    const program = `
      import { exitOnConfigError } from '${room}config-error.ts';
      import { readMigrationConfig } from '${room}config.ts';
      exitOnConfigError(() => readMigrationConfig({ LOG_LEVEL: 'loud' }));`;
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      ['--input-type=module-typescript', '--eval', program],
      { encoding: 'utf8' },
    );
    expect(status).toBe(78);
    expect(stderr).toMatch(/LOG_LEVEL is wrong[^]*DATABASE_URL is missing/);
    expect(stdout).toBe('');
  });
});

function caught(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}
