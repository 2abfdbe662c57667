import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { installBullMq, startBullMq } from './bullmq.ts';
import type { BullMq, Front } from './bullmq.ts';
import { until, untilDrained } from './inbox-watch.ts';
import { reuseLogFiles } from './log-files.ts';
import { insertsASecond } from './pgbench.ts';
import { CONNECTIONS, formatCpu, saturate, steady, takerOf, withSender } from './takers.ts';
import type { Saturated, Taker } from './takers.ts';
import { connectAccounts, endToEnd, largeInbox, withoutTemporal } from './whole-path.ts';
import type { WholePath } from './whole-path.ts';
import { startWorkflowPerWebhook } from './workflow-per-webhook/peer.ts';
import { openLoop, percentile } from '../support/open-loop.ts';
import { peakMib, residentMib } from '../support/process-usage.ts';
import { load, round } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';

export interface IngestOptions {
  /** How long each measurement sends. */
  readonly seconds: number;
  readonly repeats: number;
  /** How many ids of earlier events are put into the inbox. */
  readonly ids: number;
  /** The parts to measure; null: all. */
  readonly only: readonly IngestPart[] | null;
}

/** What can be measured alone. */
export const INGEST_PARTS = ['rates', 'steady', 'spike', 'applied', 'path', 'outage', 'large'] as const;
export type IngestPart = (typeof INGEST_PARTS)[number];

/** Parts that BullMQ takes part in. */
const COMPARED: ReadonlySet<IngestPart> = new Set(['rates', 'steady']);
const STEADY_PER_SECOND = 1_000;
const USUAL_PER_SECOND = 300;
const SPIKE_PER_SECOND = 3_000;
const PEER_EVENTS = 500;
const PEER_WARM_UP_EVENTS = 100;
const APPLIED_LIMIT_MS = 300_000;
/** Compiled code and caches come with the first events. */
const WARM_UP_S = 3;
const MAX_GROWTH = 1.5;

/**
 * Sends events to this service, to BullMQ behind two HTTP fronts, and to a service that starts a workflow for each, in
 * turn on one machine. Every one of them keeps an event before it acknowledges it, and applies it beside.
 */
export async function benchIngest(options: IngestOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withFolder(async (folder) => {
      if (options.only === null || options.only.some((part) => COMPARED.has(part))) await installBullMq(folder);
      return withSystem({ home, requestsPerSecond: 100 }, (system) => inTurn(system, folder, options));
    }),
  );
}

async function inTurn(system: System, folder: string, options: IngestOptions): Promise<readonly Row[]> {
  const { seconds, ids, only } = options;
  const sql = postgres(system.databaseUrl, { max: 2, onnotice: () => undefined });
  const path = { system, sql, seconds };
  const measured = async (part: IngestPart, measure: () => Promise<readonly Row[]>): Promise<readonly Row[]> =>
    only === null || only.includes(part) ? untilDrained(sql).then(measure) : [];
  try {
    await saturate(takerOf(system), WARM_UP_S);
    await reuseLogFiles(sql);
    const warm = { api: residentMib(system.pids.api), worker: residentMib(system.pids.worker) };
    const accounts = await connectAccounts(system);
    return [
      ...(await measured('rates', () => compareRates(path, folder, options))),
      ...(await measured('steady', () => compareLatencies(system, folder, options))),
      ...(await measured('spike', async () => [await spike(system, sql, options)])),
      ...(await measured('applied', async () => [await compareApplied(path, { folder, accounts })])),
      ...(await measured('path', () => endToEnd(path, accounts))),
      ...(await measured('outage', async () => [await withoutTemporal(path)])),
      memoryRow('api', system.pids.api, warm.api),
      memoryRow('worker', system.pids.worker, warm.worker),
      ...(await measured('large', () => largeInbox(path, ids))),
    ];
  } finally {
    await sql.end();
  }
}

function memoryRow(name: string, pid: number, warmMib: number): Row {
  const endMib = residentMib(pid);
  return {
    what: `memory of ${name} after all of this`,
    warmMib: round(warmMib, 0),
    endMib: round(endMib, 0),
    peakMib: round(peakMib(pid), 0),
    goal: `≤ ${MAX_GROWTH} × after the warm-up`,
    met: endMib <= MAX_GROWTH * warmMib,
  };
}

/** Acknowledgements a second, and single-row inserts a second of the same Postgres. */
async function compareRates(
  { system, sql }: WholePath,
  folder: string,
  options: IngestOptions,
): Promise<readonly Row[]> {
  const ours: Saturated[] = [];
  const backlogS: number[] = [];
  // Drainers leave a part for later in a flood: that must neither burden the next peer nor be left out of the CPU time.
  const applied = async () => backlogS.push(await untilDrained(sql));
  const theirs: Record<Front, Saturated[]> = { stock: [], fast: [] };
  const inserts: Saturated[] = [];
  for (let repeat = 0; repeat < options.repeats; repeat += 1) {
    ours.push(await saturate(takerOf(system), options.seconds, applied));
    for (const front of ['stock', 'fast'] as const)
      theirs[front].push(
        await withBullMq(system, { folder, front }, (peer) => saturate(peer, options.seconds, peer.applied)),
      );
    const { databaseUrl } = system;
    const perSecond = await insertsASecond(databaseUrl, { folder, clients: CONNECTIONS, seconds: options.seconds });
    inserts.push({ perSecond, cpuUsEach: NaN, cpuUsOf: {} });
  }
  const versus = (what: string, their: readonly Saturated[], least: number): Row => {
    const ratio = medianOf(ours, 'perSecond') / medianOf(their, 'perSecond');
    return {
      what: `acknowledgements a second against ${what}`,
      ours: round(medianOf(ours, 'perSecond'), 0),
      theirs: round(medianOf(their, 'perSecond'), 0),
      ratio: round(ratio),
      cpuUs: round(medianOf(ours, 'cpuUsEach'), 0),
      theirCpuUs: round(medianOf(their, 'cpuUsEach'), 0),
      ourCpuUs: formatCpu(ours.at(-1)?.cpuUsOf ?? {}),
      backlogS: round(percentile(backlogS, 0.5)),
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
  await steady(takerOf(system), USUAL_PER_SECOND, Math.min(seconds, 5));
  const figures = await steady(takerOf(system), SPIKE_PER_SECOND, seconds);
  const backlogS = await untilDrained(sql);
  return {
    what: `a spike from ${USUAL_PER_SECOND} to ${SPIKE_PER_SECOND} a second`,
    ...figures,
    backlogS: round(backlogS),
    goal: 'p99 ≤ 25 ms, none failed, backlog gone in 60 s',
    met: figures.p99Ms <= 25 && figures.failed === 0 && backlogS <= 60,
  };
}

/** Events a second from their acknowledgement until what they changed is committed, here a customer for each. */
async function compareApplied(
  { system, sql, seconds }: WholePath,
  { folder, accounts }: { readonly folder: string; readonly accounts: readonly string[] },
): Promise<Row> {
  const startedAt = performance.now();
  const sent = seconds * (await withSender(takerOf(system), (sender) => sender.saturate(seconds), accounts));
  await untilDrained(sql);
  const ours = sent / ((performance.now() - startedAt) / 1_000);
  const peer = await startWorkflowPerWebhook(system, folder);
  try {
    const send = async (events: number): Promise<void> => {
      const expected = (await countApplied(sql)) + events;
      await withSender({ ...peer, pids: {} }, (sender) =>
        openLoop({ perSecond: SPIKE_PER_SECOND, seconds: events / SPIKE_PER_SECOND, send: () => sender.send() }),
      );
      await until(async () => (await countApplied(sql)) >= expected, APPLIED_LIMIT_MS);
    };
    await send(PEER_WARM_UP_EVENTS);
    const from = performance.now();
    await send(PEER_EVENTS);
    const theirs = PEER_EVENTS / ((performance.now() - from) / 1_000);
    return {
      what: 'events applied a second against a workflow for each',
      ours: round(ours, 0),
      theirs: round(theirs, 0),
      ratio: round(ours / theirs, 0),
      load: load(),
      goal: 'ratio ≥ 100',
      met: ours / theirs >= 100,
    };
  } finally {
    await peer.stop();
  }
}

type Peer = Taker & Pick<BullMq, 'applied'>;

/** The peer, warmed up like this service: in its first seconds it takes a third more CPU time for each event. */
async function withBullMq<Result>(
  { databaseUrl, pids }: System,
  { folder, front }: { readonly folder: string; readonly front: Front },
  work: (peer: Peer) => Promise<Result>,
): Promise<Result> {
  const secret = `whsec_${randomBytes(12).toString('hex')}`;
  const bullMq = await startBullMq({ folder, front, secret, databaseUrl });
  // Its worker stores what events did in Postgres, as ours does, where nothing else is under way meanwhile.
  const peer = { url: bullMq.url, secret, pids: { ...bullMq.pids, postgres: pids.postgres }, applied: bullMq.applied };
  try {
    await saturate(peer, WARM_UP_S, peer.applied);
    return await work(peer);
  } finally {
    await bullMq.stop();
  }
}

async function countApplied(sql: postgres.Sql): Promise<number> {
  const [row] = await sql<{ count: number }[]>`select count(*)::int as count from applied_by_workflow`;
  return row?.count ?? 0;
}

const medianOf = (values: readonly Saturated[], figure: 'perSecond' | 'cpuUsEach'): number =>
  percentile(
    values.map((each) => each[figure]),
    0.5,
  );
