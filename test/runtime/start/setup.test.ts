import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY } from '../../../runtime/start/home.ts';
import { aFolder, aProgram, runNode } from '../support.ts';
import type { Outcome } from '../support.ts';

interface Clone {
  readonly folder: string;
  /** How many times npm was asked to install. */
  installs(): number;
  setup(...args: string[]): Promise<Outcome>;
  lock(content: string): void;
}

/** A clone without node_modules, with an `npm` on its PATH that runs `npmScript`. */
function aClone(npmScript = 'mkdir -p node_modules/.bin && ln -sf "$REAL_NODE" node_modules/.bin/node'): Clone {
  const folder = aFolder();
  mkdirSync(path.join(folder, 'runtime'));
  cpSync(path.join(REPOSITORY, 'runtime/setup.mjs'), path.join(folder, 'runtime/setup.mjs'));
  const lock = (content: string): void => {
    writeFileSync(path.join(folder, 'package-lock.json'), content);
  };
  lock('{"packages":{"":{}}}');
  mkdirSync(path.join(folder, 'bin'));
  aProgram(path.join(folder, 'bin'), 'npm', `#!/bin/sh\necho "$@" >> "${folder}/npm-calls"\n${npmScript}\n`);
  aProgram(
    folder,
    'entry.ts',
    "const rest: string[] = process.argv.slice(2); console.log(JSON.stringify(rest)); if (rest[0] === 'die') process.kill(process.pid, 'SIGKILL'); else process.exitCode = Number(rest[0] ?? 0);",
  );
  const calls = path.join(folder, 'npm-calls');
  return {
    folder,
    lock,
    installs: () => (existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n').length : 0),
    setup: (...args) =>
      runNode(['runtime/setup.mjs', 'entry.ts', ...args], {
        cwd: folder,
        env: { PATH: `${path.join(folder, 'bin')}:/usr/bin:/bin`, REAL_NODE: process.execPath },
      }),
  };
}

test('setup installs once, says so in one line, and leaves standard output to the entry point', async () => {
  const clone = aClone();
  const first = await clone.setup();
  expect(first).toEqual({ code: 0, stdout: '[]\n', stderr: 'installing packages (first time only)…\n' });
  const second = await clone.setup();
  expect(second).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  expect(clone.installs()).toBe(1);
});

test('setup passes on arguments and the exit code', async () => {
  expect(await aClone().setup('7', '--flag', 'two words')).toMatchObject({
    code: 7,
    stdout: '["7","--flag","two words"]\n',
  });
});

test('setup ends with the signal’s exit code when the entry point is killed', async () => {
  expect((await aClone().setup('die')).code).toBe(137);
});

test('setup installs again when the lock has changed', async () => {
  const clone = aClone();
  await clone.setup();
  clone.lock('{"packages":{"":{},"node_modules/x":{"version":"1.0.0","optional":true}}}');
  expect((await clone.setup()).stderr).toBe(
    'installing packages (the locked packages or their patches have changed)…\n',
  );
  expect(clone.installs()).toBe(2);
});

test('setup installs again when a patch of a package has changed, because the lock does not tell', async () => {
  const clone = aClone();
  const patches = path.join(clone.folder, 'patches');
  mkdirSync(patches);
  writeFileSync(path.join(patches, 'x+1.0.0.patch'), 'before');
  await clone.setup();
  await clone.setup();
  expect(clone.installs()).toBe(1);
  writeFileSync(path.join(patches, 'x+1.0.0.patch'), 'after');
  await clone.setup();
  expect(clone.installs()).toBe(2);
});

test('setup does not repeat a manual install from the same lock', async () => {
  const clone = aClone();
  const packages = { 'node_modules/x': { version: '1.0.0', integrity: 'sha512-x' } };
  clone.lock(
    JSON.stringify({
      packages: { '': {}, ...packages, 'node_modules/other-platform': { version: '1.0.0', optional: true } },
    }),
  );
  mkdirSync(path.join(clone.folder, 'node_modules/.bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(clone.folder, 'node_modules/.bin/node'));
  writeFileSync(path.join(clone.folder, 'node_modules/.package-lock.json'), JSON.stringify({ packages }));
  expect(await clone.setup()).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  expect(clone.installs()).toBe(0);
});

test.each([
  [
    'echo "npm error code ENOTFOUND\nnpm error request to the registry failed" >&2; exit 1',
    'the npm registry cannot be reached (request to the registry failed)',
  ],
  [
    'echo "npm error code EACCES\nnpm error permission denied, mkdir x" >&2; exit 243',
    'no permission to write (permission denied, mkdir x)',
  ],
  [
    'echo "npm error code EUSAGE\nnpm error\nnpm error the lock is out of step." >&2; exit 1',
    'packages could not be installed: the lock is out of step. `npm ci` shows more.',
  ],
  ['exit 0', 'Node 24 was not installed: npm must be allowed to run install scripts'],
])('setup explains in one line an npm that does %j', async (script, message) => {
  const clone = aClone(script);
  const { code, stdout, stderr } = await clone.setup();
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  const [first, ...rest] = stderr.trimEnd().split('\n');
  expect(first).toBe('installing packages (first time only)…');
  expect(rest).toHaveLength(1);
  expect(rest[0]).toContain(message);
  expect(await clone.setup()).toMatchObject({ code: 1 });
  expect(clone.installs()).toBe(2);
});

test('setup reports a machine without npm', async () => {
  const clone = aClone();
  const { code, stderr } = await runNode(['runtime/setup.mjs', 'entry.ts'], {
    cwd: clone.folder,
    env: { PATH: '/nowhere' },
  });
  expect(code).toBe(1);
  expect(stderr).toContain('interlock: npm is not on PATH');
});
