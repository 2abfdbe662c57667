import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf, lastLines } from '../../runtime/processes/child-process.ts';
import { stopProcess, markOf } from '../../runtime/processes/processes.ts';
import type { ContainerStart } from './image-dockerfile.ts';

export interface ImageProcessOptions {
  readonly name: string;
  readonly start: ContainerStart;
  /** Stands in for the image's WORKDIR. */
  readonly folder: string;
  /** Additions to the image's environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

/**
 * Node may read, load native code and start threads, but may neither write files nor start programs, as on a read-only
 * file system without tools.
 */
const READ_ONLY = '--permission --allow-fs-read=* --allow-addons --allow-worker';

/** A process as a container of the image would run it, its user included where this one is root. */
export class ImageProcess {
  readonly #options: ImageProcessOptions;
  readonly pid: number;
  #exit: string | null = null;

  constructor(options: ImageProcessOptions) {
    this.#options = options;
    const output = openSync(options.logFile, 'a', 0o600);
    const child = this.#spawn(options.start.command, { NODE_OPTIONS: READ_ONLY }, output);
    closeSync(output);
    this.pid = child.pid ?? -1;
    void exitOf(child).then((how) => {
      this.#exit = how;
    });
  }

  /** Repeats HEALTHCHECK's command until it succeeds. @throws Error with the end of the log after `limitMs`. */
  async healthy(limitMs: number): Promise<void> {
    const { healthCommand } = this.#options.start;
    if (healthCommand === null) throw new Error(`${this.#options.name} has no HEALTHCHECK`);
    await this.#until(
      { what: 'healthy', limitMs },
      async () => (await exitOf(this.#spawn(healthCommand, {}, 'ignore'))) === 'exit code 0',
    );
  }

  /** Requests a URL until it answers 200. */
  async answers(url: string, limitMs: number): Promise<void> {
    await this.#until({ what: `ready (${url})`, limitMs }, async () => (await statusOf(url)) === 200);
  }

  /** Sends the signal of STOPSIGNAL. */
  signal(): void {
    process.kill(this.pid, this.#options.start.stopSignal);
  }

  /** @throws Error unless it ends with code 0 within `limitMs`. */
  async endsWell(limitMs: number): Promise<void> {
    await this.#until({ what: 'ended', limitMs, mayEnd: true }, () => Promise.resolve(this.#exit !== null));
    if (this.#exit !== 'exit code 0')
      throw new Error(`${this.#options.name} ended with ${this.#exit ?? ''}. ${lastLines(this.#options.logFile)}`);
  }

  /** Kills it in any state. */
  async kill(): Promise<void> {
    const mark = this.#exit === null ? markOf(this.pid) : null;
    if (mark !== null) await stopProcess(mark, 1_000);
  }

  #spawn(
    [program = '', ...args]: readonly string[],
    more: Readonly<Record<string, string>>,
    output: number | 'ignore',
  ) {
    const { folder, env, start } = this.#options;
    const [uid, gid] = start.user.split(':').map(Number);
    return spawn(program === 'node' ? process.execPath : program, args, {
      cwd: folder,
      // Includes nothing of this process's environment, not even a home.
      env: { ...start.env, ...env, ...more },
      stdio: ['ignore', output, output],
      ...(process.getuid?.() === 0 && { uid, gid }),
    });
  }

  async #until(
    { what, limitMs, mayEnd = false }: { what: string; limitMs: number; mayEnd?: boolean },
    condition: () => Promise<boolean>,
  ): Promise<void> {
    const { name, logFile } = this.#options;
    const deadline = performance.now() + limitMs;
    while (!(await condition())) {
      if (this.#exit !== null && !mayEnd) throw new Error(`${name} ended with ${this.#exit}. ${lastLines(logFile)}`);
      if (performance.now() > deadline)
        throw new Error(`${name} is not ${what} after ${limitMs / 1_000} s. ${lastLines(logFile)}`);
      await sleep(100);
    }
  }
}

/** Null when nobody answers. */
export async function statusOf(url: string): Promise<number | null> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => null);
  await response?.body?.cancel();
  return response?.status ?? null;
}
