import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { DRAINED_LIMIT_MS, until } from './inbox-watch.ts';
import { exitOf } from '../../runtime/processes/child-process.ts';
import { runCommand } from '../../runtime/processes/run-command.ts';
import { freePort } from '../../runtime/start/ports.ts';
import type { ChildProcess } from 'node:child_process';

/** Pinned, because the figures are compared between builds. */
const PACKAGES = ['bullmq@6.7.0', 'ioredis@5.8.2', 'express@5.3.0', 'postgres@3.4.9'];
const INSTALL_LIMIT_MS = 300_000;
const START_LIMIT_MS = 30_000;

/** How the peer serves HTTP: as Express does it, or with Express's own prototypes as the service does it. */
export type Front = 'stock' | 'fast';

export interface BullMq {
  /** Where the peer takes events. */
  readonly url: string;
  /** Resolves when the worker has applied all that was acknowledged. */
  readonly applied: () => Promise<void>;
  /** Of Redis, the server and the worker. */
  readonly pids: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

/**
 * A service as it is often built: Express checks the signature and adds a job, named by the event so that a repeat is
 * not added again, to a queue in Redis, which writes every command to disk before it answers.
 */
const SERVER = `
const { createHmac, timingSafeEqual } = require('node:crypto');
const { createServer, IncomingMessage, ServerResponse } = require('node:http');
const express = require('express');
const { Queue } = require('bullmq');

const { PORT, REDIS_PORT, SECRET, FRONT } = process.env;
const queue = new Queue('events', { connection: { host: '127.0.0.1', port: Number(REDIS_PORT) } });
const app = express();

app.post('/webhooks/stripe', express.raw({ type: '*/*' }), async (req, res) => {
  const parts = new Map((req.get('stripe-signature') ?? '').split(',').map((part) => part.split('=')));
  const expected = createHmac('sha256', SECRET).update(parts.get('t') + '.').update(req.body).digest();
  const given = Buffer.from(parts.get('v1') ?? '', 'hex');
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return res.status(401).end();
  const event = JSON.parse(req.body);
  const { id, type, account } = event;
  await queue.add(type, { account, event }, { jobId: id, attempts: 10, removeOnComplete: { age: 86400 } });
  res.json({ received: true });
});

app.get('/open', async (req, res) => {
  res.json({ open: await queue.getJobCountByTypes('wait', 'active', 'delayed', 'prioritized') });
});

function fastServer() {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  app.request = AppRequest.prototype;
  app.response = AppResponse.prototype;
  return createServer({ IncomingMessage: AppRequest, ServerResponse: AppResponse }, app);
}

const server = FRONT === 'fast' ? fastServer() : createServer(app);
queue.waitUntilReady().then(() => server.listen(Number(PORT), '127.0.0.1', () => console.log('ready')));
`;

/** Carries each event out as one statement that stores what the event did. */
const WORKER = `
const { Worker } = require('bullmq');
const postgres = require('postgres');

const { REDIS_PORT, DATABASE } = process.env;
const sql = postgres(DATABASE, { max: 10, onnotice: () => undefined });

async function main() {
  await sql\`create table if not exists applied_by_bullmq (id text primary key, account text, at timestamptz not null default now())\`;
  const worker = new Worker(
    'events',
    ({ id, data }) => sql\`insert into applied_by_bullmq (id, account) values (\${id}, \${data.account}) on conflict do nothing\`,
    { connection: { host: '127.0.0.1', port: Number(REDIS_PORT) }, concurrency: 50 },
  );
  await worker.waitUntilReady();
  console.log('ready');
}
main();
`;

/** Installs the peer in a folder. */
export async function installBullMq(folder: string): Promise<void> {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true }));
  writeFileSync(path.join(folder, 'server.cjs'), SERVER);
  writeFileSync(path.join(folder, 'worker.cjs'), WORKER);
  await runCommand('npm', ['install', '--prefix', folder, '--no-audit', '--no-fund', '--silent', ...PACKAGES], {
    timeoutMs: INSTALL_LIMIT_MS,
  });
}

export interface BullMqOptions {
  readonly folder: string;
  readonly front: Front;
  readonly secret: string;
  /** Where the worker stores what events did; null: no worker runs, and events are only taken. */
  readonly databaseUrl: string | null;
}

/** Starts Redis, the peer's server and, where wanted, its worker. Needs `redis-server` in the path. */
export async function startBullMq({ folder, front, secret, databaseUrl }: BullMqOptions): Promise<BullMq> {
  const [redisPort, port] = [await freePort(), await freePort()];
  const children: { readonly child: ChildProcess; readonly exited: Promise<string> }[] = [];
  const stop = async (): Promise<void> => {
    for (const { child, exited } of children.splice(0).reverse()) {
      child.kill('SIGTERM');
      await exited;
    }
  };
  const start = async (program: string, args: readonly string[], env: NodeJS.ProcessEnv, readyLine: string) => {
    const child = spawn(program, args, { cwd: folder, env: { PATH: process.env['PATH'], ...env } });
    children.push({ child, exited: exitOf(child) });
    await isReady(child, program, readyLine);
  };
  try {
    const redis = [
      '--bind',
      '127.0.0.1',
      '--port',
      String(redisPort),
      '--dir',
      mkdtempSync(path.join(folder, 'redis-')),
    ];
    const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
    await start('redis-server', [...redis, ...durable], {}, 'Ready to accept connections');
    const common = { REDIS_PORT: String(redisPort) };
    if (databaseUrl !== null)
      await start(process.execPath, ['worker.cjs'], { ...common, DATABASE: databaseUrl }, 'ready');
    await start(
      process.execPath,
      ['server.cjs'],
      { ...common, PORT: String(port), SECRET: secret, FRONT: front },
      'ready',
    );
    const pids = Object.fromEntries(children.map(({ child }, index) => [String(index), child.pid ?? 0]));
    const origin = `http://127.0.0.1:${port}`;
    return {
      pids,
      url: `${origin}/webhooks/stripe`,
      applied: () => until(async () => (await openJobs(origin)) === 0, DRAINED_LIMIT_MS),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const openJobs = async (origin: string): Promise<number> =>
  z.object({ open: z.int() }).parse(await (await fetch(`${origin}/open`)).json()).open;

/** Resolves when the child prints a line with this text. Rejects when it ends before. */
export async function isReady(child: ChildProcess, name: string, text: string): Promise<void> {
  const ready = new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes(text)) resolve();
    });
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-1_000);
  });
  const ended = exitOf(child).then((how) => {
    throw new Error(`${name} ended with ${how}. ${said}`);
  });
  ended.catch(() => undefined);
  const late = AbortSignal.timeout(START_LIMIT_MS);
  await Promise.race([
    ready,
    ended,
    new Promise((_, reject) => {
      late.addEventListener('abort', () => {
        reject(new Error(`${name} is not ready after ${START_LIMIT_MS / 1_000} s`));
      });
    }),
  ]);
}
