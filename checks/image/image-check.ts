import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createCleanUp } from '../../runtime/start/clean-up.ts';
import { composeEnvironment, createDatabases } from '../full-temporal/full-temporal-stack.ts';
import { cacheFolderOf, REPOSITORY } from '../../runtime/start/home.ts';
import { commandsOf, containerStartOf, copiesOf, inherited, readDockerfile } from './image-dockerfile.ts';
import { beginUpload } from './image-upload.ts';
import { ImageProcess, statusOf } from './image-process.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { startEmbeddedPostgres } from '../../runtime/postgres/postgres.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import { messageOf } from '../../runtime/start/start-error.ts';
import { resolveTemporal, startTemporal } from '../../runtime/temporal/temporal.ts';
import type { EmbeddedPostgres } from '../../runtime/postgres/postgres.ts';

// The image without a container engine: what the Dockerfile installs and copies, in an empty folder, run as its targets say, with the
// environment of temporal-docker/compose.yaml, against a real Postgres and a real Temporal. By hand: npm run image-check
const LOOPBACK = '127.0.0.1';
const UNTIL_READY_MS = 60_000;
/** Equals compose.yaml's stop_grace_period, after which a container is killed. */
const GRACE_MS = 30_000;

const stages = readDockerfile();
const cleanUp = createCleanUp();
const log = (line: string): void => {
  console.log(line);
};
const secret = (): string => randomBytes(24).toString('hex');

/**
 * The content of `.env`. No credentials are opened here, so the key need not exist and an absent key service stops
 * nothing.
 */
const DOTENV = {
  POSTGRES_PASSWORD: secret(),
  INTERLOCK_MIGRATIONS_DB_PASSWORD: secret(),
  INTERLOCK_DB_PASSWORD: secret(),
  JWT_SECRET: secret(),
  AWS_REGION: 'eu-central-1',
  AWS_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000',
  AWS_KMS_ENDPOINT: 'http://127.0.0.1:9',
  AWS_ACCESS_KEY_ID: secret(),
  AWS_SECRET_ACCESS_KEY: secret(),
} as const;

async function main(): Promise<void> {
  const work = path.join(tmpdir(), `interlock_image_${randomBytes(4).toString('hex')}`);
  const app = path.join(work, 'app');
  mkdirSync(app, { recursive: true });
  cleanUp.add(async () => {
    rmSync(work, { recursive: true, force: true });
    return Promise.resolve();
  });
  await timed('packages and files', () => assemble(app));
  log(
    `size of the image above its base: ${(await runCommand('du', ['-sm', app], { timeoutMs: 60_000 })).split('\t')[0] ?? ''} MiB`,
  );

  const postgres = await startEmbeddedPostgres({
    dataFolder: path.join(work, 'postgres'),
    password: DOTENV.POSTGRES_PASSWORD,
    log: () => undefined,
  });
  cleanUp.add(() => postgres.stop());
  await createDatabases(postgres.url, 'interlock.sql', DOTENV);
  const temporalAddress = await bringUpTemporal(path.join(work, 'temporal.log'));
  const run = (name: string, more: Record<string, string> = {}): ImageProcess =>
    start(name, {
      app,
      logFile: path.join(work, `${name}.log`),
      env: { ...environmentOf(name, { postgres, temporalAddress }), ...more },
    });

  await timed('migrate', () => run('migrate').endsWell(UNTIL_READY_MS));
  await timed('migrate again', () => run('migrate').endsWell(UNTIL_READY_MS));
  await checkWorker(run);
  await checkApi(run);
}

/** Applies COPY and RUN of the stage with our files. RUN in other stages concerns the image's system. */
async function assemble(app: string): Promise<void> {
  const bundled = inherited(stages, 'bundled');
  copyInto(app, bundled);
  for (const command of commandsOf(bundled))
    await runCommand('sh', ['-c', `cd "$0" && ${command}`, app], { timeoutMs: 10 * 60_000 });
}

function copyInto(app: string, instructions: Parameters<typeof copiesOf>[0]): void {
  for (const { fromStage, sources, target } of copiesOf(instructions)) {
    for (const source of fromStage === null ? sources : []) {
      // A folder's content goes into the target, a file goes under its own name.
      const into = target === '../../runtime/' ? path.join(app, path.basename(source)) : path.join(app, target);
      cpSync(path.join(REPOSITORY, source), into, { recursive: true });
    }
  }
}

async function bringUpTemporal(logFile: string): Promise<string> {
  const source = await resolveTemporal({
    cacheFolder: cacheFolderOf(process.env),
    log,
    env: { ...process.env, TEMPORAL_ADDRESS: '' },
  });
  if (source.kind !== 'binary') throw new Error('a server was named although none was asked for');
  const temporal = await startTemporal({
    binary: source.path,
    dataFile: null,
    port: await freePort(),
    uiPort: null,
    namespace: composeEnvironment('worker', DOTENV)['TEMPORAL_NAMESPACE'] ?? '',
    logFile,
  });
  cleanUp.add(() => temporal.stop());
  return temporal.address;
}

/** The environment of compose.yaml with addresses of this machine. */
function environmentOf(
  service: string,
  { postgres, temporalAddress }: { readonly postgres: EmbeddedPostgres; readonly temporalAddress: string },
): Record<string, string> {
  const environment = composeEnvironment(service, DOTENV);
  const url = new URL(environment['DATABASE_URL'] ?? '');
  url.host = `${LOOPBACK}:${postgres.port}`;
  return { ...environment, DATABASE_URL: url.href, TEMPORAL_ADDRESS: temporalAddress, HOST: LOOPBACK };
}

function start(
  name: string,
  {
    app,
    logFile,
    env,
  }: { readonly app: string; readonly logFile: string; readonly env: Readonly<Record<string, string>> },
): ImageProcess {
  const started = new ImageProcess({
    name,
    start: containerStartOf(inherited(stages, name)),
    folder: app,
    env,
    logFile,
  });
  cleanUp.add(() => started.kill());
  return started;
}

type Run = (name: string, more?: Record<string, string>) => ImageProcess;

async function checkWorker(run: Run): Promise<void> {
  const port = await freePort();
  const worker = run('worker', { HEALTH_PORT: String(port) });
  await timed('worker is healthy', () => worker.healthy(UNTIL_READY_MS));
  await timed('worker is ready', () => worker.answers(`http://${LOOPBACK}:${port}/health/ready`, UNTIL_READY_MS));
  worker.signal();
  await timed('worker has drained', () => worker.endsWell(GRACE_MS));
}

async function checkApi(run: Run): Promise<void> {
  const port = await freePort();
  const url = `http://${LOOPBACK}:${port}`;
  const api = run('api', { PORT: String(port) });
  await timed('api is healthy', () => api.healthy(UNTIL_READY_MS));
  await timed('api is ready', () => api.answers(`${url}/health/ready`, UNTIL_READY_MS));
  const upload = await beginUpload(url, DOTENV.JWT_SECRET);
  api.signal();
  await timed('api takes no more requests', async () => {
    while ((await statusOf(`${url}/health/live`)) !== null);
  });
  const status = await upload.finish();
  if (status !== 201)
    throw new Error(`a request that was in hand when the api was told to stop was answered ${status}`);
  log('api has answered the request that was in hand when it was told to stop');
  await timed('api has drained', () => api.endsWell(GRACE_MS));
}

async function timed<Result>(what: string, work: () => Promise<Result>): Promise<Result> {
  const startedAt = performance.now();
  const result = await work();
  log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${what}`);
  return result;
}

try {
  await main();
  log('the image works');
} catch (error) {
  console.error(`image check: ${messageOf(error)}`);
  process.exitCode = 1;
} finally {
  await cleanUp.run().catch((error: unknown) => {
    console.error(`image check: it could not clean up: ${messageOf(error)}`);
    process.exitCode = 1;
  });
}
