import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { homeOf, readEnvFile } from './start/home.ts';
import { Instance, SERVICES } from './start/instance.ts';
import { Supervisor } from './processes/supervisor.ts';
import { rotateLogs } from './start/logs.ts';
import { messageOf, StartError } from './start/start-error.ts';
import { bringUp } from './start/bring-up.ts';
import { isSet } from './processes/child-environment.ts';
import { ConfigError, CONFIG_EXIT_CODE } from '../config/config-error.ts';
import { readRuntimeConfig } from '../config/config.ts';
import { PROVIDERS } from '../providers/registry.ts';
import type { Env, Home } from './start/home.ts';

const HELP = `Usage: npm start [-- --fresh]

Runs everything on this machine until Ctrl-C: Postgres, Temporal, the sandbox, the API and a worker.
  --fresh   delete the local data first; downloads are kept`;

const say = (line: string): void => {
  console.log(line);
};

function readArguments(args: string[]): { fresh: boolean; help: boolean } {
  try {
    return parseArgs({
      args,
      options: { fresh: { type: 'boolean', default: false }, help: { type: 'boolean', short: 'h', default: false } },
    }).values;
  } catch (error) {
    throw new StartError(`${messageOf(error).split('\n')[0] ?? ''}\n${HELP}`);
  }
}

/** Deletes only what this runtime created, because the home may be any folder. */
function wipe(home: Home, env: Env): void {
  const files = [home.temporalFile, `${home.temporalFile}-wal`, `${home.temporalFile}-shm`, home.startedFile];
  for (const entry of [...files, home.postgresFolder, home.sandboxFolder, home.logsFolder])
    rmSync(entry, { recursive: true, force: true });
  if (isSet(env, 'DATABASE_URL')) {
    say('--fresh keeps the database of DATABASE_URL, and the secrets that its credentials are sealed with');
    return;
  }
  for (const entry of [home.secretsFile, home.demoFile]) rmSync(entry, { force: true });
}

async function run(env: Env, fresh: boolean): Promise<void> {
  const startedAtMs = Number(env['INTERLOCK_SETUP_STARTED_MS']) || Date.now();
  const config = readRuntimeConfig(env, PROVIDERS);
  const home = homeOf(env);
  const instance = await Instance.claim(home, say);
  const supervisor = new Supervisor({
    log: say,
    onUp: (name, pid) => {
      onUp(name, pid);
    },
  });
  const running = { rewrite: (): void => undefined };
  const onUp = (name: string, pid: number): void => {
    const service = SERVICES.find((known) => known === name);
    if (service !== undefined) instance.setChild(service, pid);
    running.rewrite();
  };
  const stopped = stopOnSignal(supervisor, instance);
  try {
    if (fresh) wipe(home, env);
    rotateLogs(home.logsFolder);
    running.rewrite = await bringUp({
      env,
      home,
      instance,
      supervisor,
      startedAtMs,
      namespace: config.temporalNamespace,
      host: config.host,
      log: say,
    });
  } catch (error) {
    if (supervisor.stopping.aborted) return stopped;
    await supervisor.stopAll(SERVICES);
    instance.release();
    throw error;
  }
  return stopped;
}

/** Resolves after a signal, once everything has stopped. */
function stopOnSignal(supervisor: Supervisor, instance: Instance): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false;
    const stop = (): void => {
      if (stopping) return;
      stopping = true;
      say('stopping…');
      supervisor.stopAll(SERVICES).then(() => {
        instance.release();
        say('stopped');
        resolve();
      }, reject);
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  });
}

try {
  readEnvFile();
  const { fresh, help } = readArguments(process.argv.slice(2));
  if (help) say(HELP);
  else await run(process.env, fresh);
  process.exit(0);
} catch (error) {
  const expected = error instanceof StartError || error instanceof ConfigError;
  console.error(`interlock: ${expected ? error.message : ((error as Error).stack ?? messageOf(error))}`);
  process.exit(error instanceof ConfigError ? CONFIG_EXIT_CODE : 1);
}
