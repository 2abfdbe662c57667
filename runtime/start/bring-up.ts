import { ApiClient } from '../cli/api-client.ts';
import { isSet, serviceEnvironment } from '../processes/child-environment.ts';
import { runDemonstration } from './demo.ts';
import { writeJsonAtomically } from './files.ts';
import { loadSecrets } from './secrets.ts';
import { anyFreePorts, choosePorts } from './service-ports.ts';
import {
  bringUpPostgres,
  bringUpSandbox,
  bringUpService,
  bringUpTemporal,
  prepareDatabase,
  withProgress,
} from './services.ts';
import { messageOf, StartError } from './start-error.ts';
import { homeOf } from './home.ts';
import { signToken } from './tokens.ts';
import { variableName } from '../../config/provider-settings.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import type { DemoOptions, DemoResult } from './demo.ts';
import type { Env } from './home.ts';
import type { Sandbox } from './sandbox.ts';
import type { Stage, TemporalPlace } from './services.ts';

export type BringUpOptions = Omit<Stage, 'secrets' | 'ports'> & {
  readonly startedAtMs: number;
  /** The address the API listens on. */
  readonly host: string;
};

/** The environment of a copy beside others, such as a benchmark's: every port is any free one. */
export const FREE_PORTS: Env = anyFreePorts(PROVIDERS);

/** Known once every service is up. */
interface Running {
  readonly stage: Stage;
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly temporal: TemporalPlace;
  readonly sandbox: Sandbox;
  /** A token of an admin of all venues; null when tokens are issued elsewhere. */
  readonly token: string | null;
}

const TOKEN_TTL_S = 30 * 24 * 3_600;

/**
 * Starts everything, runs the demonstration, writes started.json and prints what to open.
 * Returns a function that rewrites started.json with the current process ids.
 */
export async function bringUp(options: BringUpOptions): Promise<() => void> {
  const { env, home, log, startedAtMs } = options;
  const ports = await choosePorts(env, log, PROVIDERS);
  const stage: Stage = { ...options, ports, secrets: loadSecrets(home.secretsFile) };
  const running = await startServices(stage, options.host);
  const demo = await demonstrate(running);
  const rewrite = (): void => {
    writeStarted(running, demo);
  };
  rewrite();
  sayWhatToOpen(running, demo, Date.now() - startedAtMs);
  return rewrite;
}

async function startServices(stage: Stage, host: string): Promise<Running> {
  const { env, log, ports, secrets } = stage;
  const [database, temporal, { sandbox, settings }] = await Promise.all([
    withProgress('Postgres', log, startDatabase(stage)),
    bringUpTemporal(stage),
    withProgress('the sandbox', log, bringUpSandbox(stage)),
  ]);
  const addresses = {
    databaseUrl: database.serviceUrl,
    temporalAddress: temporal.address,
    temporalUiUrl: temporal.uiUrl,
    sandboxSettings: settings,
    apiPort: ports.api,
    workerHealthPort: ports.workerHealth,
  };
  const environment = serviceEnvironment(env, addresses, secrets);
  const apiUrl = `http://${reachable(host)}:${ports.api}`;
  await withProgress(
    'api and worker',
    log,
    Promise.all([
      bringUpService(stage, {
        name: 'worker',
        env: environment,
        healthUrl: `http://127.0.0.1:${ports.workerHealth}/health/ready`,
      }),
      bringUpService(stage, { name: 'api', env: environment, healthUrl: `${apiUrl}/health/ready` }),
    ]),
  );
  stage.instance.setApiUrl(apiUrl);
  log(`up: Postgres, Temporal, sandbox, worker, API at ${apiUrl}`);
  return { stage, apiUrl, databaseUrl: database.ownerUrl, temporal, sandbox, token: await adminToken(environment) };
}

interface StartedDatabase {
  /** The login that owns the tables, for people and benchmarks that query all venues. */
  readonly ownerUrl: string;
  /** The login that API and worker connect with. It has no rights of its own. */
  readonly serviceUrl: string;
}

async function startDatabase(stage: Stage): Promise<StartedDatabase> {
  const ownerUrl = await bringUpPostgres(stage);
  try {
    const serviceUrl = await prepareDatabase(stage, ownerUrl, (line) => {
      stage.log(`Postgres: ${line}`);
    });
    return { ownerUrl, serviceUrl };
  } catch (error) {
    throw new StartError(`the database could not be prepared: ${messageOf(error)}`, { cause: error });
  }
}

/** The address at which a listener on `host` is reachable from this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

async function adminToken(env: Env): Promise<string | null> {
  const secret = env['JWT_SECRET'];
  if (secret === undefined || secret === '') return null;
  return signToken(
    {
      subject: 'npm-start',
      role: 'admin',
      venues: '*',
      ttlSeconds: TOKEN_TTL_S,
      issuer: env['JWT_ISSUER'] || undefined,
      audience: env['JWT_AUDIENCE'] || undefined,
    },
    secret,
  );
}

/** Returns null and logs the reason when the demonstration would reach beyond this machine. */
async function demonstrate({ stage, apiUrl, sandbox, token }: Running): Promise<DemoResult | null> {
  const { env, home, supervisor, log } = stage;
  if (token === null) {
    log('no demonstration: JWT_JWKS_URL is set, so tokens are issued elsewhere');
    return null;
  }
  const standIn = standInWithKey(sandbox);
  if (standIn === null) return null;
  const address = variableName(standIn.provider, 'apiUrl');
  if (isSet(env, address)) {
    log(`no demonstration: ${address} is set, and its customers are made up`);
    return null;
  }
  return runDemonstration({
    api: new ApiClient(apiUrl, token),
    demoFile: home.demoFile,
    standIn,
    log,
    stop: supervisor.stopping,
  });
}

/** The first stand-in that can be connected by a key: the others ask an owner for consent. */
function standInWithKey(sandbox: Sandbox): DemoOptions['standIn'] | null {
  const found = PROVIDERS.flatMap(({ id, displayName }) => {
    const secretKey = sandbox[id]?.['secretKey'];
    return secretKey === undefined ? [] : [{ provider: id, displayName, secretKey }];
  });
  return found[0] ?? null;
}

function writeStarted(
  { stage, apiUrl, databaseUrl, temporal, sandbox, token }: Running,
  demo: DemoResult | null,
): void {
  writeJsonAtomically(stage.home.startedFile, {
    apiUrl,
    docsUrl: `${apiUrl}/docs`,
    temporalUiUrl: temporal.uiUrl,
    temporalAddress: temporal.address,
    temporalNamespace: stage.namespace,
    databaseUrl,
    sandbox,
    venueId: demo?.venueId ?? null,
    connectionId: demo?.connectionId ?? null,
    token,
    pids: stage.instance.pids(),
  });
}

function sayWhatToOpen({ stage, apiUrl, temporal, token }: Running, demo: DemoResult | null, tookMs: number): void {
  const lines = ['', `  API reference    ${apiUrl}/docs`];
  if (temporal.uiUrl !== null)
    lines.push(`  Temporal Web UI  ${temporal.uiUrl}/namespaces/${stage.namespace}/workflows`);
  lines.push(`  everything else  ${stage.home.startedFile}`);
  if (demo !== null && token !== null) {
    stage.log(`demonstration: ${describe(demo.sync.counts)}`);
    lines.push(
      '',
      '  Try it:',
      // Prints no token, because output stays in scrollback and logs.
      `  TOKEN=$(${tokenCommand(stage, demo.venueId)})`,
      `  curl -s -H "Authorization: Bearer $TOKEN" '${apiUrl}/v1/venues/${demo.venueId}/records/customers?limit=3'`,
    );
  }
  lines.push(
    '',
    `Ready after ${(tookMs / 1_000).toFixed(1)} s${demo === null ? '' : ', first sync included'}. Ctrl-C stops everything.`,
  );
  stage.log(lines.join('\n'));
}

/** A command that issues a token valid for an hour. */
function tokenCommand({ home }: Stage, venueId: string): string {
  const elsewhere = home.folder === homeOf({}).folder ? '' : `INTERLOCK_HOME='${home.folder}' `;
  return `${elsewhere}npm run -s interlock -- token --role viewer --venue ${venueId}`;
}

function describe({ read, created, updated, unchanged }: DemoResult['sync']['counts']): string {
  if (read === 0) return 'the sync found nothing that has changed since the last one';
  return `the sync read ${read} customers: ${created} created and ${updated} updated at the sandbox, ${unchanged} unchanged`;
}
