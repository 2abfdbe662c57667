import { renameSync, rmSync } from 'node:fs';
import { z } from 'zod';
import { createJson, readJson, writeJsonAtomically } from './files.ts';
import { isAlive, markOf, stopProcess } from '../processes/processes.ts';
import { StartError } from './start-error.ts';
import type { Home } from './home.ts';
import type { ProcessMark } from '../processes/processes.ts';

/** Every service of a running copy. Services that the copy does not run itself are missing from its record. */
export const SERVICES = ['api', 'worker', 'sandbox', 'temporal', 'postgres'] as const;
export type ServiceName = (typeof SERVICES)[number];

const mark = z.object({ pid: z.int().positive(), startTime: z.string() });
const record = z.object({
  supervisor: mark,
  apiUrl: z.string().nullable(),
  children: z.record(z.string(), mark),
});
export type InstanceRecord = z.output<typeof record>;

/** Null when no copy has run on this home since its last clean stop. */
export function readInstance(home: Home): InstanceRecord | null {
  return record.safeParse(readJson(home.instanceFile)).data ?? null;
}

/** The copy that currently runs on this home, or null. */
export function runningInstance(home: Home): InstanceRecord | null {
  const found = readInstance(home);
  return found !== null && isAlive(found.supervisor) ? found : null;
}

/** This process's claim on a home, with its record of child processes. */
export class Instance {
  readonly #home: Home;
  #record: InstanceRecord;

  private constructor(home: Home, first: InstanceRecord) {
    this.#home = home;
    this.#record = first;
  }

  /**
   * Claims the home for this process, after stopping what a killed supervisor left running.
   * @throws {StartError} that names the running copy if there is one.
   */
  static async claim(home: Home, log: (line: string) => void): Promise<Instance> {
    const supervisor = markOf(process.pid);
    if (supervisor === null)
      throw new StartError('the start time of this process cannot be read: /proc or ps is needed.');
    const mine: InstanceRecord = { supervisor, apiUrl: null, children: {} };
    // The second attempt follows the cleanup after a crash.
    for (let attempt = 0; attempt < 2; attempt += 1) {
      if (createJson(home.instanceFile, mine)) return new Instance(home, mine);
      await clearLeftover(home, log);
    }
    throw alreadyRuns(home, readInstance(home));
  }

  setApiUrl(apiUrl: string): void {
    this.#save({ ...this.#record, apiUrl });
  }

  setChild(name: ServiceName, pid: number): void {
    const child = markOf(pid);
    if (child !== null) this.#save({ ...this.#record, children: { ...this.#record.children, [name]: child } });
  }

  /** Null for a service that this copy does not run itself. */
  pids(): Readonly<Record<'supervisor' | ServiceName, number | null>> {
    const { supervisor, children } = this.#record;
    const pid = (name: ServiceName): number | null => children[name]?.pid ?? null;
    return {
      supervisor: supervisor.pid,
      api: pid('api'),
      worker: pid('worker'),
      temporal: pid('temporal'),
      postgres: pid('postgres'),
      sandbox: pid('sandbox'),
    };
  }

  release(): void {
    rmSync(this.#home.startedFile, { force: true });
    rmSync(this.#home.instanceFile, { force: true });
  }

  #save(next: InstanceRecord): void {
    this.#record = next;
    writeJsonAtomically(this.#home.instanceFile, next);
  }
}

async function clearLeftover(home: Home, log: (line: string) => void): Promise<void> {
  const found = readInstance(home);
  if (found !== null && isAlive(found.supervisor)) throw alreadyRuns(home, found);
  for (const name of SERVICES) await stopLeftover(name, found?.children[name], log);
  rmSync(home.startedFile, { force: true });
  // Rename before deleting: of two concurrent starts, only one moves the old file, and the other finds the new one.
  const aside = `${home.instanceFile}.${process.pid}.old`;
  try {
    renameSync(home.instanceFile, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  rmSync(aside, { force: true });
}

async function stopLeftover(
  name: ServiceName,
  child: ProcessMark | undefined,
  log: (line: string) => void,
): Promise<void> {
  if (child === undefined || !isAlive(child)) return;
  log(`stopping ${name} (process ${child.pid}), left over from a run that was killed`);
  // On SIGTERM, Postgres waits until every client has disconnected:
  // https://www.postgresql.org/docs/18/server-shutdown.html (2026-11-21).
  await stopProcess(child, 15_000, name === 'postgres' ? 'SIGINT' : 'SIGTERM');
}

function alreadyRuns(home: Home, found: InstanceRecord | null): StartError {
  const where = found?.apiUrl === null || found === null ? 'and is starting' : `at ${found.apiUrl}`;
  const who = found === null ? '' : ` (process ${found.supervisor.pid})`;
  return new StartError(
    `Interlock already runs ${where} on ${home.folder}${who}. Stop it with \`npm run -s interlock -- stop\`, or set INTERLOCK_HOME and PORT for a second copy.`,
  );
}
