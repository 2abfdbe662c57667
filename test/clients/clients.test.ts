import { copyFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../runtime/start/home.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import { findPython } from '../../runtime/processes/python-environment.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

const PYTHON = await findPython({
  folder: 'openapi-python-client-0.29.1',
  requirements: fileURLToPath(new URL('../support/services/openapi-python-client-requirements.txt', import.meta.url)),
});
if ('missing' in PYTHON)
  process.stderr.write(
    `\nSKIPPED: no Python client is generated: the packages cannot be had here (${PYTHON.missing})\n\n`,
  );

const LIMIT_MS = 120_000;
const run = (program: string, ...args: readonly string[]) => runCommand(program, args, { timeoutMs: LIMIT_MS });
const here = (file: string) => fileURLToPath(new URL(file, import.meta.url));
const packageFile = (file: string) => path.join(REPOSITORY, 'node_modules', file);

let system: System;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'interlock_clients_'));
  system = await startSystem();
}, LIMIT_MS);
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await system.stop();
});

/** What each client observes, from creating a venue over two pushes to the answers that are problems. */
const FOUND = {
  loaded: [5, 1, ['bad']],
  first: ['completed', 5],
  second: ['completed', 0, 0, 5],
  lastEvent: 'finished',
  pages: [2, 2, 1],
  cities: Array.from({ length: 5 }, () => 'Berlin'),
  problem: [400, 'invalid-request', ['name', 'timeZone']],
  lost: 'venue-not-found',
};

/** Runs a client like its users would, and returns its observations. */
async function drive(program: string, ...args: readonly string[]): Promise<unknown> {
  const account = await system.stripe.addAccount();
  const found = JSON.parse(await run(program, ...args, system.apiUrl, system.token, account.secretKey)) as unknown;
  expect(await account.writes()).toHaveLength(5);
  return found;
}

describe('a client generated from the running service’s document', () => {
  it(
    'in TypeScript is type-checked, and works from making a venue to the second push',
    async () => {
      copyFileSync(here('typescript/drive.ts'), path.join(folder, 'drive.ts'));
      symlinkSync(path.join(REPOSITORY, 'node_modules'), path.join(folder, 'node_modules'));
      writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
      const compilerOptions = {
        strict: true,
        noEmit: true,
        module: 'NodeNext',
        target: 'ES2024',
        lib: ['ES2024', 'DOM'],
        types: ['node'],
        allowImportingTsExtensions: true,
        exactOptionalPropertyTypes: true,
      };
      writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['drive.ts'] }));
      await run(
        process.execPath,
        packageFile('openapi-typescript/bin/cli.js'),
        `${system.apiUrl}/openapi.json`,
        '--output',
        path.join(folder, 'api.ts'),
      );
      expect(
        await run(process.execPath, packageFile('typescript/bin/tsc'), '--project', folder).catch((error: unknown) =>
          String(error),
        ),
      ).toBe('');
      expect(await drive(process.execPath, path.join(folder, 'drive.ts'))).toEqual(FOUND);
    },
    LIMIT_MS,
  );

  it.skipIf('missing' in PYTHON)(
    'in Python works from making a venue to the second push',
    async () => {
      const python = 'python' in PYTHON ? PYTHON.python : '';
      copyFileSync(here('python/drive.py'), path.join(folder, 'drive.py'));
      writeFileSync(path.join(folder, 'config.yml'), 'post_hooks: []\n');
      const output = path.join(folder, 'interlock_client');
      const told = await run(
        python,
        '-m',
        'openapi_python_client',
        'generate',
        '--url',
        `${system.apiUrl}/openapi.json`,
        '--meta',
        'none',
        '--config',
        path.join(folder, 'config.yml'),
        '--output-path',
        output,
      );
      // The generator omits what it cannot read: only the four batches in NDJSON are.
      const warnings = told.split('\n').filter((line) => line.startsWith('WARNING') || line.startsWith('Unsupported'));
      expect(
        warnings.filter(
          (line) =>
            !/^WARNING parsing POST \/v1\/venues\/\{venueId\}\/records\/\w+\/batch|^Unsupported content type application\/x-ndjson/.test(
              line,
            ),
        ),
      ).toEqual([]);
      expect(await drive(python, path.join(folder, 'drive.py'))).toEqual(FOUND);
    },
    LIMIT_MS,
  );
});
