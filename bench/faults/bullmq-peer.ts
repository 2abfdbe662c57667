import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { exitOf } from '../../runtime/processes/child-process.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { until } from '../../test/support/eventually.ts';
import type { System } from '../../test/support/worlds/system.ts';
import { isReady } from '../ingest/bullmq.ts';
import type { Ground } from './events.ts';
import type { PlannedFault } from './plan.ts';
import type { Application, Subject } from './subject.ts';

/**
 * Applies each event in one transaction: the customer takes what is newer, as the event says it, and the event is
 * counted. Everything else is what BullMQ does by default.
 */
const WORKER = `
const { createServer } = require('node:http');
const { Queue, Worker } = require('bullmq');
const postgres = require('postgres');

const { REDIS_PORT, DATABASE, PORT } = process.env;
const sql = postgres(DATABASE, { max: 10, onnotice: () => undefined });
const connection = { host: '127.0.0.1', port: Number(REDIS_PORT), maxRetriesPerRequest: null };
const queue = new Queue('events', { connection });

async function apply({ id, data: { account, event } }) {
  const { id: customer, name } = event.data.object;
  if (!customer) throw new Error('unreadable');
  const isDeleted = event.type === 'customer.deleted';
  await sql.begin(async (tx) => {
    await tx\`
      insert into customers_by_bullmq (id, account, name, version, deleted) values (\${customer}, \${account}, \${name}, \${event.created}, \${isDeleted})
      on conflict (id) do update set name = excluded.name, version = excluded.version, deleted = excluded.deleted
      where customers_by_bullmq.version <= excluded.version\`;
    await tx\`
      insert into events_by_bullmq (id, times) values (\${id}, 1)
      on conflict (id) do update set times = events_by_bullmq.times + 1\`;
  });
}

createServer(async (req, res) => {
  const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
  res.end(JSON.stringify(counts));
}).listen(Number(PORT), '127.0.0.1');
const worker = new Worker('events', apply, { connection, concurrency: 50 });
worker.on('error', () => undefined);
queue.on('error', () => undefined);
worker.waitUntilReady().then(() => console.log('ready'));
`;

const PORTION = 10_000;
const LOST_WAKE_UPS_MS = 1_000;
const RESTART_LIMIT_MS = 60_000;

type PartName = 'redis' | 'worker' | 'server';

/** A process of the peer that can be killed, and is then started again as it was. */
class Part {
  readonly #start: () => Promise<ChildProcess>;
  #child: ChildProcess | null = null;

  constructor(start: () => Promise<ChildProcess>) {
    this.#start = start;
  }

  async up(): Promise<void> {
    this.#child = await this.#start();
  }

  async kill(): Promise<void> {
    await this.stop('SIGKILL');
    await until(
      () =>
        this.up().then(
          () => true,
          () => null,
        ),
      { limitMs: RESTART_LIMIT_MS, what: 'the peer is up again' },
    );
  }

  async pause(ms: number): Promise<void> {
    this.#child?.kill('SIGSTOP');
    await sleep(ms);
    this.#child?.kill('SIGCONT');
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = exitOf(child);
    child.kill(signal);
    await exited;
  }
}

/** The peer of `ingest`, with a worker that counts what it applies, in the service's own Postgres. */
export async function startPeerSubject(
  system: System,
  { accounts }: Ground,
  folder: string,
): Promise<Subject & { readonly stop: () => Promise<void> }> {
  const { database } = system;
  await database`create table customers_by_bullmq (id text primary key, account text, name text, version bigint, deleted boolean)`;
  await database`create table events_by_bullmq (id text primary key, times int not null)`;
  writeFileSync(path.join(folder, 'fault-worker.cjs'), WORKER);
  const secret = `whsec_${randomBytes(12).toString('hex')}`;
  const [redisPort, port, countsPort] = [await freePort(), await freePort(), await freePort()];
  const data = mkdtempSync(path.join(folder, 'redis-'));
  const parts = partsOf(folder, { redisPort, port, countsPort, secret, data, databaseUrl: system.databaseUrl });
  for (const part of Object.values(parts)) await part.up();
  const killPostgres = () =>
    until(() => system.kill('postgres').catch(() => null), { limitMs: RESTART_LIMIT_MS, what: 'Postgres is up again' });
  const strikes: Readonly<Record<PlannedFault['kind'], (fault: PlannedFault) => Promise<unknown>>> = {
    'kill-api': () => parts.server.kill(),
    'kill-worker': () => parts.worker.kill(),
    'kill-postgres': killPostgres,
    'kill-queue': () => parts.redis.kill(),
    'kill-worker-and-postgres': () => Promise.all([parts.worker.kill(), killPostgres()]),
    'pause-worker': ({ pauseMs }) => parts.worker.pause(pauseMs),
    'pause-queue': ({ pauseMs }) => parts.redis.pause(pauseMs),
    'lose-wake-up': async () => {
      const paused = parts.redis.pause(LOST_WAKE_UPS_MS * 2);
      await sleep(LOST_WAKE_UPS_MS);
      await Promise.all([paused, parts.server.kill()]);
    },
    // The peer asks no provider.
    'provider-down': () => Promise.resolve(),
  };
  const countJobs = async () =>
    (await (await fetch(`http://127.0.0.1:${countsPort}`)).json()) as Readonly<Record<string, number>>;
  return {
    ...{ url: `http://127.0.0.1:${port}/webhooks/stripe`, secret, keepsPoison: false },
    strike: async (fault) => {
      await strikes[fault.kind](fault);
    },
    async countOpen() {
      return Object.values(await countJobs()).reduce((sum, count) => sum + count, 0);
    },
    async *applications() {
      yield* database<Application[]>`select id, times, false as "isDead" from events_by_bullmq`.cursor(PORTION);
    },
    async records(account) {
      const rows = await database<{ id: string; name: string | null }[]>`
        select id, name from customers_by_bullmq where account = ${accounts[account]!.id} and not deleted`;
      return new Map(rows.map(({ id, name }) => [id, name]));
    },
    // The peer deletes as it is told.
    heldDeletions: () => Promise.resolve(new Set<string>()),
    approveDeletions: () => Promise.resolve(),
    async stop() {
      for (const part of Object.values(parts).reverse()) await part.stop('SIGTERM');
    },
  };
}

interface Places {
  readonly redisPort: number;
  readonly port: number;
  readonly countsPort: number;
  readonly secret: string;
  readonly data: string;
  readonly databaseUrl: string;
}

function partsOf(folder: string, places: Places): Readonly<Record<PartName, Part>> {
  const part = (program: string, args: readonly string[], env: NodeJS.ProcessEnv, readyLine: string) =>
    new Part(async () => {
      const child = spawn(program, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
      await isReady(child, args[0] ?? program, readyLine);
      return child;
    });
  const redis = ['--bind', '127.0.0.1', '--port', String(places.redisPort), '--dir', places.data];
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const common = { REDIS_PORT: String(places.redisPort) };
  return {
    redis: part('redis-server', [...redis, ...durable], {}, 'Ready to accept connections'),
    worker: part(
      process.execPath,
      ['fault-worker.cjs'],
      { ...common, PORT: String(places.countsPort), DATABASE: places.databaseUrl },
      'ready',
    ),
    server: part(
      process.execPath,
      ['server.cjs'],
      { ...common, PORT: String(places.port), SECRET: places.secret, FRONT: 'fast' },
      'ready',
    ),
  };
}
