import { execFileSync, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { exitOf } from '../runtime/processes/child-process.ts';
import { readJson } from '../runtime/start/files.ts';
import { REPOSITORY } from '../runtime/start/home.ts';
import { markOf, stopProcess } from '../runtime/processes/processes.ts';
import { load, round } from './support/report.ts';
import { ownEnvironment, withFolder } from './support/system.ts';
import type { Row } from './support/report.ts';

export interface StartOptions {
  /** With empty caches: npm's, and the one with the Temporal server. */
  readonly cold: boolean;
}

const LIMIT_MS = 600_000;
const GOAL_S = 60;

/**
 * Measures `npm start` in a fresh clone of the committed state, from the command to the line that reports the first
 * sync.
 */
export async function benchStart({ cold }: StartOptions): Promise<readonly Row[]> {
  return withFolder(async (folder) => {
    const clone = path.join(folder, 'interlock');
    execFileSync('git', ['clone', '--quiet', REPOSITORY, clone]);
    const env = {
      ...ownEnvironment(),
      PATH: withoutModules(process.env['PATH'] ?? ''),
      ...(cold && emptyCaches(folder)),
    };
    const first = await timeStart(clone, env, ['start', '--', '--fresh']);
    const again = await timeStart(clone, env, ['start', '--', '--fresh']);
    const restart = await timeStart(clone, env, ['start']);
    return [
      toRow(`fresh clone, ${cold ? 'nothing cached' : 'caches warm'}`, first, cold ? null : GOAL_S),
      toRow('again with --fresh', again, GOAL_S),
      toRow('again with its data', restart, GOAL_S),
    ];
  });
}

const emptyCaches = (folder: string): Record<string, string> => ({
  XDG_CACHE_HOME: path.join(folder, 'cache'),
  npm_config_cache: path.join(folder, 'npm-cache'),
  GOMODCACHE: path.join(folder, 'go-modules'),
});

/** A bare machine has none of our programs on its PATH. */
const withoutModules = (value: string): string =>
  value
    .split(path.delimiter)
    .filter((folder) => !folder.endsWith(path.join('node_modules', '.bin')))
    .join(path.delimiter);

interface Started {
  readonly seconds: number;
  /** The origin of the Temporal server. */
  readonly temporal: string;
}

async function timeStart(
  clone: string,
  env: Record<string, string | undefined>,
  args: readonly string[],
): Promise<Started> {
  const startedAt = performance.now();
  const npm = spawn('npm', args, { cwd: clone, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = exitOf(npm);
  const lines: string[] = [];
  const ready = new Promise<void>((resolve) => {
    for (const input of [npm.stdout, npm.stderr]) {
      createInterface({ input }).on('line', (line) => {
        lines.push(line);
        if (line.startsWith('Ready after')) resolve();
      });
    }
  });
  const late = new AbortController();
  const limit = setTimeout(() => {
    late.abort();
  }, LIMIT_MS);
  try {
    const gaveUp = new Promise<string>((resolve) => {
      late.signal.addEventListener('abort', () => {
        resolve(`no end after ${LIMIT_MS / 1_000} s`);
      });
    });
    const how = await Promise.race([ready.then(() => null), exited, gaveUp]);
    if (how !== null) throw new Error(`npm ${args.join(' ')}: ${how}\n${lines.slice(-20).join('\n')}`);
    return {
      seconds: (performance.now() - startedAt) / 1_000,
      temporal:
        lines.map((line) => /^Temporal: .*? from ([^;]+)/.exec(line)?.[1]).find((from) => from !== undefined) ??
        'unknown',
    };
  } finally {
    clearTimeout(limit);
    await stop(clone);
    npm.kill('SIGTERM');
    await exited;
  }
}

const instance = z.object({ supervisor: z.object({ pid: z.int().positive() }) });

/** Signals the supervisor itself, because not every shell between it and npm forwards signals. */
async function stop(clone: string): Promise<void> {
  const found = instance.safeParse(readJson(path.join(clone, '.interlock', 'instance.json'))).data;
  const mark = found ? markOf(found.supervisor.pid) : null;
  if (mark !== null) await stopProcess(mark, 90_000);
}

function toRow(what: string, { seconds, temporal }: Started, goalS: number | null): Row {
  return {
    what,
    seconds: round(seconds),
    temporal,
    load: load(),
    goal: goalS === null ? null : `≤ ${goalS} s`,
    met: goalS === null ? null : seconds <= goalS,
  };
}
