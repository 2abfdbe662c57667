import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { installBullMq, startBullMq } from './bullmq.ts';
import type { Front } from './bullmq.ts';
import { EventSender } from './event-sender.ts';
import { insertsASecond } from './pgbench.ts';
import { startWorkflowPerWebhook } from './workflow-per-webhook/peer.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { load, round } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';

export interface IngestOptions {
  /** How long each measurement sends. */
  readonly seconds: number;
  readonly repeats: number;
}

const CONNECTIONS = 32;
const ACCOUNTS = Array.from({ length: 20 }, () => `acct_${randomBytes(8).toString('hex')}`);
const TYPE = 'customer.updated';
const STEADY_PER_SECOND = 1_000;
const SPIKE_PER_SECOND = 3_000;
const PEER_EVENTS = 500;
const DRAINED_LIMIT_MS = 300_000;

/** Something that takes events, and applies them on its own. */
interface Taker {
  readonly url: string;
  readonly secret: string;
}

/**
 * Sends events to this service, to BullMQ behind two HTTP fronts, and to a service that starts a workflow for each, in
 * turn on one machine. Every one of them keeps an event before it acknowledges it, and applies it beside.
 */
export async function benchIngest(options: IngestOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withFolder(async (folder) => {
      await installBullMq(folder);
      return withSystem({ home, requestsPerSecond: 100 }, (system) => inTurn(system, folder, options));
    }),
  );
}

async function inTurn(system: System, folder: string, options: IngestOptions): Promise<readonly Row[]> {
  const sql = postgres(system.databaseUrl, { max: 2, onnotice: () => undefined });
  try {
    const rates = await compareRates(system, folder, options);
    const latencies = await compareLatencies(system, folder, options);
    await untilDrained(sql);
    return [
      ...rates,
      ...latencies,
      await spike(system, sql, options),
      await compareApplied(system, sql, { ...options, folder }),
    ];
  } finally {
    await sql.end();
  }
}

/** Acknowledgements a second, and single-row inserts a second of the same Postgres. */
async function compareRates(system: System, folder: string, options: IngestOptions): Promise<readonly Row[]> {
  const ours: number[] = [];
  const theirs: Record<Front, number[]> = { stock: [], fast: [] };
  const inserts: number[] = [];
  for (let repeat = 0; repeat < options.repeats; repeat += 1) {
    ours.push(await saturate(takerOf(system), options.seconds));
    for (const front of ['stock', 'fast'] as const)
      theirs[front].push(await withBullMq(system, { folder, front }, (peer) => saturate(peer, options.seconds)));
    inserts.push(await insertsASecond(system.databaseUrl, { folder, clients: CONNECTIONS, seconds: options.seconds }));
  }
  const versus = (what: string, their: readonly number[], least: number): Row => {
    const ratio = medianOf(ours) / medianOf(their);
    return {
      what: `acknowledgements a second against ${what}`,
      ours: round(medianOf(ours), 0),
      theirs: round(medianOf(their), 0),
      ratio: round(ratio),
      load: load(),
      goal: `ratio ≥ ${least}`,
      met: ratio >= least,
    };
  };
  return [
    versus('BullMQ behind stock Express', theirs.stock, 2.5),
    versus('BullMQ behind the same front', theirs.fast, 1.5),
    versus('pgbench inserting single rows', inserts, 0.5),
  ];
}

/** How long an acknowledgement takes at a steady rate. */
async function compareLatencies(system: System, folder: string, options: IngestOptions): Promise<readonly Row[]> {
  const ours = await steady(takerOf(system), STEADY_PER_SECOND, options.seconds);
  const theirs = await withBullMq(system, { folder, front: 'fast' }, (peer) =>
    steady(peer, STEADY_PER_SECOND, options.seconds),
  );
  const ratio = theirs.p99Ms / ours.p99Ms;
  return [
    {
      what: `acknowledged at ${STEADY_PER_SECOND} a second`,
      ...ours,
      goal: 'p99 ≤ 20 ms, none failed',
      met: ours.p99Ms <= 20 && ours.failed === 0,
    },
    {
      what: 'the same by BullMQ behind the same front',
      ...theirs,
      ratio: round(ratio),
      goal: 'p99 ≥ 5 × ours',
      met: ratio >= 5,
    },
  ];
}

/** Ten times the usual rate, and how long its backlog lasts. */
async function spike(system: System, sql: postgres.Sql, { seconds }: IngestOptions): Promise<Row> {
  const figures = await steady(takerOf(system), SPIKE_PER_SECOND, seconds);
  const backlogS = await untilDrained(sql);
  return {
    what: `a spike of ${SPIKE_PER_SECOND} a second`,
    ...figures,
    backlogS: round(backlogS),
    goal: 'p99 ≤ 25 ms, none failed, backlog gone in 60 s',
    met: figures.p99Ms <= 25 && figures.failed === 0 && backlogS <= 60,
  };
}

/** Events a second from their acknowledgement to the mark that they are handled. */
async function compareApplied(
  system: System,
  sql: postgres.Sql,
  { seconds, folder }: IngestOptions & { readonly folder: string },
): Promise<Row> {
  const startedAt = performance.now();
  const sent = (await saturate(takerOf(system), seconds)) * seconds;
  await untilDrained(sql);
  const ours = sent / ((performance.now() - startedAt) / 1_000);
  const peer = await startWorkflowPerWebhook(system, folder);
  const sender = senderOf(peer);
  try {
    const from = performance.now();
    await openLoop({ perSecond: SPIKE_PER_SECOND, seconds: PEER_EVENTS / SPIKE_PER_SECOND, send: sender.send });
    await until(async () => (await countApplied(sql)) >= PEER_EVENTS, DRAINED_LIMIT_MS);
    const theirs = PEER_EVENTS / ((performance.now() - from) / 1_000);
    return {
      what: 'events handled a second against a workflow for each',
      ours: round(ours, 0),
      theirs: round(theirs, 0),
      ratio: round(ours / theirs, 0),
      load: load(),
      goal: 'ratio ≥ 100',
      met: ours / theirs >= 100,
    };
  } finally {
    sender.close();
    await peer.stop();
  }
}

async function steady(taker: Taker, perSecond: number, seconds: number) {
  const sender = senderOf(taker);
  try {
    const samples = await openLoop({ perSecond, seconds, send: sender.send });
    const latencies = samples.map(({ latencyMs }) => latencyMs);
    return {
      p50Ms: round(percentile(latencies, 0.5)),
      p99Ms: round(percentile(latencies, 0.99)),
      failed: samples.filter(({ failed }) => failed).length,
      load: load(),
    };
  } finally {
    sender.close();
  }
}

async function saturate(taker: Taker, seconds: number): Promise<number> {
  const sender = senderOf(taker);
  try {
    return await sender.saturate(seconds);
  } finally {
    sender.close();
  }
}

const senderOf = (taker: Taker): EventSender =>
  new EventSender({ ...taker, accounts: ACCOUNTS, connections: CONNECTIONS, type: TYPE });

const takerOf = ({ apiUrl, stripeWebhookSecret: secret }: System): Taker => ({
  url: `${apiUrl}/webhooks/stripe`,
  secret,
});

async function withBullMq<Result>(
  { databaseUrl }: System,
  { folder, front }: { readonly folder: string; readonly front: Front },
  work: (peer: Taker) => Promise<Result>,
): Promise<Result> {
  const secret = `whsec_${randomBytes(12).toString('hex')}`;
  const peer = await startBullMq({ folder, front, secret, databaseUrl });
  try {
    return await work({ url: peer.url, secret });
  } finally {
    await peer.stop();
  }
}

/** Seconds until no event waits. */
async function untilDrained(sql: postgres.Sql): Promise<number> {
  const startedAt = performance.now();
  await until(async () => {
    const [row] = await sql<{ open: boolean }[]>`
      select exists (select from webhook_events where state in ('waiting', 'retrying')) as open`;
    return row?.open === false;
  }, DRAINED_LIMIT_MS);
  return (performance.now() - startedAt) / 1_000;
}

async function countApplied(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from applied_by_workflow`;
  return row?.count ?? 0;
}

async function until(holds: () => Promise<boolean>, limitMs: number): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadlineMs) throw new Error(`events are still open after ${limitMs / 1_000} s`);
    await sleep(20);
  }
}

const medianOf = (values: readonly number[]): number => percentile(values, 0.5);
