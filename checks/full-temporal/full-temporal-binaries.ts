import { access, chmod, mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { inWorkFolder } from '../../runtime/temporal/temporal-binary.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import type { DownloadContext } from '../../runtime/temporal/temporal-download.ts';

/**
 * The versions of the images in temporal-docker/compose.yaml; a test compares them. The next patch, 1.32.2, needs a
 * newer Go than 1.26.8 (go.temporal.io/server's go.mod, read 2026-11-21).
 */
export const FULL_TEMPORAL_VERSION = '1.32.1';

/** The server that production runs, and the tool that makes its schema. Both name themselves as their images do. */
export interface FullTemporalBinaries {
  /** A folder with only these two programs, for PATH. */
  readonly folder: string;
  readonly server: string;
  readonly sqlTool: string;
}

const PROGRAMS = { server: 'temporal-server', sql: 'temporal-sql-tool' } as const;

/**
 * Finds them in the cache, or builds them once with Go, which takes minutes. @throws Error when Go is missing or the
 * build fails.
 */
export async function fullTemporalBinaries(context: DownloadContext): Promise<FullTemporalBinaries> {
  const folder = path.join(
    context.cacheFolder,
    `temporal-server-${FULL_TEMPORAL_VERSION}-${process.platform}-${process.arch}`,
  );
  const found: FullTemporalBinaries = {
    folder,
    server: path.join(folder, PROGRAMS.server),
    sqlTool: path.join(folder, PROGRAMS.sql),
  };
  if (!(await isThere(folder))) await build(folder, context);
  for (const program of [found.server, found.sqlTool]) {
    const output = await runCommand(program, ['--version'], { timeoutMs: 20_000, stop: context.stop });
    if (!output.trim().endsWith(` ${FULL_TEMPORAL_VERSION}`))
      throw new Error(`${program} is not ${FULL_TEMPORAL_VERSION}: delete ${folder} to build it again`);
  }
  return found;
}

/** Go checks every module against its checksum database. */
async function build(folder: string, { cacheFolder, log, stop }: DownloadContext): Promise<void> {
  await runCommand('go', ['version'], { timeoutMs: 20_000, stop });
  log(`Temporal: building server ${FULL_TEMPORAL_VERSION} with Go; this takes minutes, once`);
  await inWorkFolder(cacheFolder, async (work) => {
    const built = path.join(work, 'built');
    await mkdir(built);
    await runCommand(
      'go',
      [
        'install',
        ...['cmd/server', 'cmd/tools/sql'].map((name) => `go.temporal.io/server/${name}@v${FULL_TEMPORAL_VERSION}`),
      ],
      {
        timeoutMs: 20 * 60_000,
        env: { ...process.env, GOBIN: built, CGO_ENABLED: '0' },
        stop,
        onWaiting: (seconds) => {
          log(`Temporal: still building… ${seconds} s`);
        },
      },
    );
    for (const [name, program] of Object.entries(PROGRAMS))
      await rename(path.join(built, name), path.join(built, program));
    await chmod(built, 0o755);
    await rename(built, folder).catch(async (error: unknown) => {
      // Another process has built it first; its build is equivalent.
      if (!(await isThere(folder))) throw error;
    });
  });
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
