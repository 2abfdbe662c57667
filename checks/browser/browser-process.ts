import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DevTools } from './browser-devtools.ts';
import { exitOf, lastLines } from '../../runtime/processes/child-process.ts';
import { markOf, stopProcess } from '../../runtime/processes/processes.ts';
import { messageOf } from '../../runtime/start/start-error.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const START_LIMIT_MS = 60_000;
const GRACE_MS = 5_000;

const ARGUMENTS = [
  '--headless=new',
  '--remote-debugging-port=0',
  // Of Chromium's own: a container has no rights for it, and it is shown pages of this machine alone.
  '--no-sandbox',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-gpu',
  // A container's /dev/shm is small.
  '--disable-dev-shm-usage',
  '--no-first-run',
  '--lang=en',
];

/** Chromium or Chrome in a folder of PATH, or null. */
export function findBrowser(searchPath: string | undefined): string | null {
  const files = (searchPath ?? '')
    .split(path.delimiter)
    .filter((folder) => folder !== '')
    .flatMap((folder) => NAMES.map((name) => path.join(folder, name)));
  return files.find(isExecutable) ?? null;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Browser {
  /** @throws Error with the end of its log when it does not come up. */
  readonly connect: () => Promise<DevTools>;
  /** Also while it is coming up. */
  readonly stop: () => Promise<void>;
}

/** A browser without windows, with a profile of its own in `folder`, that reaches this machine and nothing else. */
export function startBrowser(program: string, folder: string): Browser {
  mkdirSync(folder, { recursive: true });
  const logFile = path.join(folder, 'browser.log');
  const output = openSync(logFile, 'a', 0o600);
  const child = spawn(program, [...ARGUMENTS, `--user-data-dir=${folder}`, 'about:blank'], {
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  let ended: string | null = null;
  void exitOf(child).then((how) => {
    ended = how;
  });
  return {
    connect: async () => {
      try {
        return await DevTools.connect(await addressIn(path.join(folder, 'DevToolsActivePort'), () => ended));
      } catch (error) {
        throw new Error(`${messageOf(error)}. ${lastLines(logFile)}`, { cause: error });
      }
    },
    stop: async () => {
      const mark = ended === null && child.pid !== undefined ? markOf(child.pid) : null;
      if (mark !== null) await stopProcess(mark, GRACE_MS);
    },
  };
}

/** The file that Chromium writes once it listens: a line with the port, a line with the path. */
async function addressIn(file: string, ended: () => string | null): Promise<string> {
  const deadline = performance.now() + START_LIMIT_MS;
  for (;;) {
    const [port, address] = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    if (port !== undefined && address?.startsWith('/')) return `ws://127.0.0.1:${port}${address}`;
    const how = ended();
    if (how !== null) throw new Error(`the browser ended with ${how}`);
    if (performance.now() > deadline) throw new Error(`the browser does not listen after ${START_LIMIT_MS / 1_000} s`);
    await sleep(50);
  }
}
