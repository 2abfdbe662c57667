import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import type { EmbeddedPostgres, EmbeddedPostgresOptions } from '../../../runtime/postgres/postgres.ts';
import { until } from '../../support/eventually.ts';

const run = promisify(execFile);
const isRoot = process.getuid?.() === 0;

describe('the embedded Postgres', () => {
  let dataFolder: string;
  let lines: string[];
  let servers: EmbeddedPostgres[];
  beforeEach(() => {
    dataFolder = join(tmpdir(), `interlock_test_${randomBytes(4).toString('hex')}`);
    lines = [];
    servers = [];
  });
  afterEach(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dataFolder, { recursive: true, force: true });
  });

  async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({
      dataFolder,
      password: 'p@ss/wörd ',
      disposable: true,
      log: (line) => lines.push(line),
      ...options,
    });
    servers.push(server);
    return server;
  }

  async function query<T extends object>(server: EmbeddedPostgres, text: string): Promise<readonly T[]> {
    const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
    try {
      return await sql.unsafe<T[]>(text);
    } finally {
      await sql.end();
    }
  }

  it('listens on loopback only and accepts 200 connections', async () => {
    const server = await start();
    const settings = await query(
      server,
      `select name, setting from pg_settings where name in ('listen_addresses', 'max_connections', 'unix_socket_directories') order by name`,
    );
    expect(settings).toEqual([
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'max_connections', setting: '200' },
      { name: 'unix_socket_directories', setting: '' },
    ]);
  });

  it('is durable unless its data is disposable', async () => {
    expect(await query(await start({ disposable: false }), 'show fsync')).toEqual([{ fsync: 'on' }]);
  });

  it('keeps its data across a stop and a start', async () => {
    const first = await start({ database: 'interlock' });
    expect(new URL(first.url).pathname).toBe('/interlock');
    await query(first, 'create table kept as select 1 as id');
    await first.stop();
    await expect(first.exited).resolves.toEqual({ code: 0, signal: null });
    expect(await query(await start({ database: 'interlock' }), 'select id from kept')).toEqual([{ id: 1 }]);
  });

  it('restarts after a SIGKILL while a query of the killed server still runs', async () => {
    const first = await start({ disposable: false });
    await query(first, 'create table kept as select 1 as id');
    const client = postgres(first.url, { max: 1, onnotice: () => undefined });
    const busy = client`select count(*) from generate_series(1, 8000000) a where a % 7 = 3`.catch(() => undefined);
    const running = `select from pg_stat_activity where state = 'active' and query like 'select count(*) from generate_series%'`;
    await until(async () => (await query(first, running)).length > 0, { limitMs: 20_000, what: 'the query runs' });
    process.kill(first.pid, 'SIGKILL');
    await expect(first.exited).resolves.toEqual({ code: null, signal: 'SIGKILL' });

    const second = await start({ disposable: false });
    expect(await query(second, 'select id from kept')).toEqual([{ id: 1 }]);
    expect(lines.some((line) => line.includes('shared memory block'))).toBe(true);
    await busy;
    await client.end({ timeout: 1 });
  });

  it('does not mistake another process for the server named in its lock file', async () => {
    const first = await start();
    const lock = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8');
    await first.stop();
    // A process of the same user now has the killed server's process id.
    const stranger = spawn('sleep', ['60'], isRoot ? await idsOfPostgres() : {});
    await writeFile(join(dataFolder, 'postmaster.pid'), lock.replace(/^\d+/, String(stranger.pid)), { mode: 0o600 });
    if (isRoot) await run('chown', ['postgres', join(dataFolder, 'postmaster.pid')]);
    await expect(start()).resolves.toBeDefined();
    expect(stranger.exitCode).toBeNull();
    stranger.kill();
  });

  it('rejects a data folder that another server uses, or replaces that server on request', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(`Another Postgres (process ${first.pid}) uses ${dataFolder}: stop it first`);
    const second = await start({ replaceLeftover: true });
    await expect(first.exited).resolves.toBeDefined();
    expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  it('reports in one line that its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toThrow(new RegExp(`^Port ${port} is in use[^\\n]*$`));
    other.close();
  });

  it('reports in one line that the password does not match the data folder, and does not keep running', async () => {
    await (await start()).stop();
    await expect(start({ password: 'another' })).rejects.toThrow(/^The password does not fit[^\n]*$/);
    await expect(readFile(join(dataFolder, 'postmaster.pid'))).rejects.toThrow();
  });

  it('does not touch a folder with other content', async () => {
    await mkdir(dataFolder);
    await writeFile(join(dataFolder, 'notes.txt'), 'mine');
    await expect(start()).rejects.toThrow(/neither empty nor a Postgres data folder/);
    expect(await readFile(join(dataFolder, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('starts over when a first start was killed halfway', async () => {
    await mkdir(`${dataFolder}.new`);
    await writeFile(join(`${dataFolder}.new`, 'PG_VERSION'), '18');
    await expect(start()).resolves.toBeDefined();
    await expect(readFile(join(`${dataFolder}.new`, 'PG_VERSION'))).rejects.toThrow();
  });

  it('logs neither rows nor statements', async () => {
    const server = await start();
    await query(server, 'create table people (email text primary key)');
    await query(server, `insert into people values ('ada@example.com')`);
    await expect(query(server, `insert into people values ('ada@example.com')`)).rejects.toThrow(/duplicate key/);
    await server.stop();
    expect(lines.some((line) => line.includes('duplicate key'))).toBe(true);
    expect(lines.join('\n')).not.toContain('ada@example.com');
  });

  it('exits with the process that started it', async () => {
    const program = `
      import { startEmbeddedPostgres } from ${JSON.stringify(new URL('../../../runtime/postgres/postgres.ts', import.meta.url).href)};
      const { pid } = await startEmbeddedPostgres({ dataFolder: ${JSON.stringify(dataFolder)}, password: 'p', disposable: true, log: () => undefined });
      console.log(pid);
      process.exit(3);`;
    const child = await run(process.execPath, ['--input-type=module-typescript', '-e', program]).catch(
      (error: unknown) => error as { code: number; stdout: string },
    );
    expect(child).toMatchObject({ code: 3 });
    const pid = Number(child.stdout);
    await until(() => !isAlive(pid), { limitMs: 20_000, what: 'the server has ended' });
  });

  it.runIf(isRoot)(
    'removes the data of homes that root has deleted when another is created, and keeps the rest',
    async () => {
      const homes = await Promise.all([1, 2, 3].map(() => mkdtemp(join(tmpdir(), 'interlock-'))));
      const [deleted = '', kept = '', later = ''] = homes.map((home) => join(home, 'data', 'postgres'));
      try {
        for (const folder of [deleted, kept]) await (await start({ dataFolder: folder })).stop();
        const [gone, there] = await Promise.all([deleted, kept].map((folder) => readlink(folder)));
        await rm(deleted, { recursive: true });
        await start({ dataFolder: later });
        await expect(stat(gone!)).rejects.toThrow(/ENOENT/);
        await expect(stat(`${gone}.link`)).rejects.toThrow(/ENOENT/);
        expect((await stat(join(there!, 'PG_VERSION'))).isFile()).toBe(true);
      } finally {
        await Promise.all(servers.map((server) => server.stop()));
        await Promise.all(homes.map((home) => rm(home, { recursive: true, force: true })));
      }
    },
  );

  it.runIf(isRoot)(
    'runs for root below a folder that nobody else may enter, and starts over when that folder is emptied',
    async () => {
      const closed = await mkdtemp(join(tmpdir(), 'interlock-'));
      const inside = join(closed, 'data', 'postgres');
      try {
        const first = await start({ dataFolder: inside });
        await query(first, 'create table kept as select 1 as id');
        await first.stop();
        const second = await start({ dataFolder: inside });
        expect(await query(second, 'select id from kept')).toEqual([{ id: 1 }]);
        await second.stop();
        await rm(join(closed, 'data'), { recursive: true });
        const third = await start({ dataFolder: inside });
        await expect(query(third, 'select id from kept')).rejects.toThrow(/does not exist/);
        await third.stop();
      } finally {
        const folder = await readlink(inside).catch(() => null);
        if (folder !== null) await rm(folder, { recursive: true, force: true });
        await rm(closed, { recursive: true, force: true });
      }
    },
  );
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function idsOfPostgres(): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])]);
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}
