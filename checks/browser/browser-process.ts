import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import type { Browser } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

const ARGUMENTS = [
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
  '--no-proxy-server',
  '--disable-gpu',
  // A container's /dev/shm is small.
  '--disable-dev-shm-usage',
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

/**
 * A browser without windows that reaches this machine and nothing else. `playwright-core` brings no browser of its own. Its sandbox is off: a
 * container has no rights for it, and the browser is shown pages of this machine alone.
 */
export const startBrowser = (executablePath: string): Promise<Browser> =>
  chromium.launch({ executablePath, args: ARGUMENTS, chromiumSandbox: false });
