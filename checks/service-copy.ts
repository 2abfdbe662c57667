import { mkdirSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { ApiClient } from '../runtime/cli/api-client.ts';
import { bringUp, FREE_PORTS } from '../runtime/start/bring-up.ts';
import { readJson } from '../runtime/start/files.ts';
import { homeOf } from '../runtime/start/home.ts';
import { Instance, SERVICES } from '../runtime/start/instance.ts';
import { Supervisor } from '../runtime/processes/supervisor.ts';
import type { Env } from '../runtime/start/home.ts';

const started = z.object({ apiUrl: z.string(), token: z.string(), venueId: z.string(), connectionId: z.string() });

export interface StartedCopy extends z.output<typeof started> {
  readonly api: ApiClient;
}

export interface ServiceCopy {
  /** Returns what its `started.json` says, and a client of its API: an admin of all venues. */
  readonly bringUp: () => Promise<StartedCopy>;
  /** Also works during the start. */
  readonly stop: () => Promise<void>;
}

export interface CopyOptions {
  /** Its home, deleted at the end. */
  readonly folder: string;
  readonly returnUrl?: string;
  /** Additional environment of the API and the worker. */
  readonly env?: Env;
  readonly log: (line: string) => void;
}

/** Includes nothing else of this process's environment, which may hold keys of real providers. */
const TAKEN_OVER = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'TMPDIR'];

/** Runs what `npm start` runs, demonstration included, in its own home and on its own ports. */
export async function prepareCopy({ folder, returnUrl, env: more, log }: CopyOptions): Promise<ServiceCopy> {
  const startedAtMs = Date.now();
  const env: Env = {
    ...Object.fromEntries(TAKEN_OVER.map((name) => [name, process.env[name]])),
    ...FREE_PORTS,
    INTERLOCK_HOME: folder,
    ...(returnUrl !== undefined && { RETURN_URLS: returnUrl }),
    LOG_LEVEL: 'warn',
    ...more,
  };
  const home = homeOf(env);
  mkdirSync(home.logsFolder, { recursive: true });
  const instance = await Instance.claim(home, log);
  const supervisor = new Supervisor({ log, onUp: () => undefined });
  const stop = async (): Promise<void> => {
    await supervisor.stopAll(SERVICES);
    instance.release();
    rmSync(folder, { recursive: true, force: true });
  };
  return {
    stop,
    bringUp: async () => {
      await bringUp({
        env,
        home,
        instance,
        supervisor,
        startedAtMs,
        namespace: 'default',
        host: '127.0.0.1',
        log: () => undefined,
      });
      const copy = started.parse(readJson(home.startedFile));
      log(`a copy of the service is up in ${folder}`);
      return { ...copy, api: new ApiClient(copy.apiUrl, copy.token) };
    },
  };
}
