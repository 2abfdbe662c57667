import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { HistoryReader } from './support/history-cost.ts';
import { cpuSeconds, peakMib } from './support/process-usage.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { HistoryCost } from './support/history-cost.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';
import type { Measured } from './support/venue.ts';

export interface MillionOptions {
  readonly records: number;
  /** The budget in requests per second, set higher than the service can use. */
  readonly rate: number;
}

const LIMIT_MS = 60 * 60_000;
const LOOK_EVERY_MS = 500;
const PEAK_LIMIT_MIB = 260;
const ACTIONS_LIMIT = 1_000;

/** Pulls very many customers into an empty venue, and again when nothing has changed. */
export async function benchMillion({ records, rate }: MillionOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: rate }, async (system) => {
      const { api, stripe } = system;
      await stripe.limits({ latencyMs: 0, requestsPerSecond: 0 });
      const { id: account, secretKey } = await stripe.addAccount();
      await stripe.seed({ resource: 'customers', count: records, account });
      const venue = await Venue.create(api, secretKey);
      const history = await HistoryReader.connect(system);
      try {
        const first = toRow(`pull ${records} new`, records, await watched(system, history, venue));
        const second = toRow(`pull ${records} unchanged`, records, await watched(system, history, venue));
        return [first, second, await findMissing(system, venue, records)];
      } finally {
        await history.close();
      }
    }),
  );
}

interface Watched {
  readonly run: Measured;
  readonly cost: HistoryCost;
  readonly cpuS: Readonly<Record<string, number>>;
  readonly peakMib: number;
  /** Rows per second in each quarter of the run. */
  readonly quarters: readonly number[];
}

async function watched(system: System, history: HistoryReader, venue: Venue): Promise<Watched> {
  const before = cpuSeconds(system.pids);
  const ended = new AbortController();
  const { id, workflowId } = await venue.start({ direction: 'pull' });
  const heartbeats = history.countHeartbeats(workflowId, ended.signal);
  const samples = sampleProgress(venue, id, ended.signal);
  // Joins the run that was just started.
  const run = await venue.sync({ direction: 'pull', limitMs: LIMIT_MS }).finally(() => {
    ended.abort();
  });
  const after = cpuSeconds(system.pids);
  return {
    run,
    cost: await history.cost(workflowId, { runId: run.runId, heartbeats: await heartbeats }),
    cpuS: Object.fromEntries(
      Object.entries(after).map(([name, seconds]) => [`cpuS ${name}`, round(seconds - (before[name] ?? 0), 1)]),
    ),
    peakMib: peakMib(system.pids.worker),
    quarters: inQuarters(await samples),
  };
}

interface Sample {
  readonly atMs: number;
  readonly done: number;
}

async function sampleProgress(venue: Venue, syncId: string, stop: AbortSignal): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  while (!stop.aborted) {
    samples.push({ atMs: performance.now(), done: await venue.done(syncId) });
    await sleep(LOOK_EVERY_MS);
  }
  return samples;
}

/** Rows per second between the samples nearest to each quarter of the rows. */
function inQuarters(samples: readonly Sample[]): readonly number[] {
  const total = samples.at(-1)?.done ?? 0;
  const at = (share: number) => samples.find(({ done }) => done >= total * share) ?? { atMs: 0, done: 0 };
  return [0, 0.25, 0.5, 0.75].map((share) => {
    const [from, to] = [
      share === 0 ? (samples.findLast(({ done }) => done === 0) ?? at(0)) : at(share),
      at(share + 0.25),
    ];
    return Math.round(((to.done - from.done) * 1_000) / Math.max(1, to.atMs - from.atMs));
  });
}

function toRow(what: string, records: number, { run, cost, cpuS, peakMib: peak, quarters }: Watched): Row {
  if (run.counts.read !== records) throw new Error(`the pull read ${run.counts.read} of ${records} customers`);
  const { events, actions, heartbeats } = cost;
  return {
    what,
    seconds: round(run.wallS, 1),
    rowsPerSecond: Math.round(records / run.wallS),
    quarters: quarters.join(' '),
    calls: run.providerCalls,
    workerPeakMib: Math.round(peak),
    events,
    actions,
    heartbeats,
    ...cpuS,
    load: load(),
    goal: `peak ≤ ${PEAK_LIMIT_MIB} MiB, actions < ${ACTIONS_LIMIT}`,
    met: peak <= PEAK_LIMIT_MIB && actions < ACTIONS_LIMIT,
  };
}

/** Measures the query for records missing from a complete listing, with none missing: it has to read every link. */
async function findMissing({ databaseUrl }: System, venue: Venue, records: number): Promise<Row> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    const [last] =
      await sql`select id, started_at from sync_runs where connection_id = ${venue.connectionId} order by created_at desc limit 1`;
    const startedAtMs = performance.now();
    const [found] = await sql`
      select count(*)::int as links, count(*) filter (where last_sync_id is distinct from ${last?.['id'] as string} and synced_at < ${last?.['started_at'] as Date})::int as missing
      from record_links where connection_id = ${venue.connectionId} and resource = 'customers' and external_id is not null and state in ('linked', 'rejected')`;
    return {
      what: `look for missing among ${records}`,
      seconds: round((performance.now() - startedAtMs) / 1_000),
      links: Number(found?.['links']),
      missing: Number(found?.['missing']),
      load: load(),
      goal: null,
      met: null,
    };
  } finally {
    await sql.end();
  }
}
