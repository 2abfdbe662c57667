import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { FULL_TEMPORAL_VERSION, fullTemporalBinaries } from '../../checks/full-temporal/full-temporal-binaries.ts';
import { aFolder, aProgram } from '../runtime/support.ts';

const log = (): void => undefined;

/** A cache with programs that print their own names. */
function aCache(version: string): { readonly cacheFolder: string; readonly folder: string } {
  const cacheFolder = aFolder();
  const folder = path.join(cacheFolder, `temporal-server-${FULL_TEMPORAL_VERSION}-${process.platform}-${process.arch}`);
  mkdirSync(folder);
  for (const name of ['temporal-server', 'temporal-sql-tool'])
    aProgram(folder, name, `#!/bin/sh\necho "${name} version ${version}"\n`);
  return { cacheFolder, folder };
}

test('a cached server is used as it is, without Go', async () => {
  const { cacheFolder, folder } = aCache(FULL_TEMPORAL_VERSION);
  expect(await fullTemporalBinaries({ cacheFolder, log })).toEqual({
    folder,
    server: path.join(folder, 'temporal-server'),
    sqlTool: path.join(folder, 'temporal-sql-tool'),
  });
});

test.each(['1.31.1', `${FULL_TEMPORAL_VERSION}0`])(
  'a server that calls itself %s is refused, with what to do',
  async (version) => {
    const { cacheFolder, folder } = aCache(version);
    await expect(fullTemporalBinaries({ cacheFolder, log })).rejects.toThrow(`delete ${folder} to build it again`);
  },
);
