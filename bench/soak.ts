import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openLoop, percentile } from './support/open-loop.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface SoakOptions {
  readonly perSecond: number;
  readonly seconds: number;
}

const LOOK_EVERY_MS = 5_000;
/** Caches, pools and compiled code grow at first, so the slope covers only what follows. */
const WARM_UP_SHARE = 0.25;
const MAX_SLOPE_MIB_PER_HOUR = 30;
const CUSTOMERS = 2_000;
const SYNC_LIMIT_MS = 120_000;

interface Look {
  readonly atS: number;
  readonly rssMib: number;
}

/** Runs mixed load for a long time: reads, writes, refused input, and one sync after another. Memory must not grow. */
export async function benchSoak({ perSecond, seconds }: SoakOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 1_000 }, async (system) => {
      const account = await system.stripe.addAccount();
      const venue = await Venue.create(system.api, account.secretKey);
      await venue.load(CUSTOMERS, 'Customer');
      const looks = { api: [] as Look[], worker: [] as Look[] };
      const startedAt = performance.now();
      const looking = setInterval(() => {
        const atS = (performance.now() - startedAt) / 1_000;
        looks.api.push({ atS, rssMib: rssMib(system.pids.api) });
        looks.worker.push({ atS, rssMib: rssMib(system.pids.worker) });
      }, LOOK_EVERY_MS);
      const ending = new AbortController();
      const syncing = syncOn(venue, ending.signal);
      const samples = await openLoop({ perSecond, seconds, send: sender(system, venue) });
      clearInterval(looking);
      ending.abort();
      const syncs = await syncing;
      const latencies = samples.map(({ latencyMs }) => latencyMs);
      const failed = samples.filter((sample) => sample.failed).length;
      const requests = {
        what: `mixed load at ${perSecond}/s for ${seconds} s`,
        requests: samples.length,
        failed,
        syncs,
        p95Ms: round(percentile(latencies, 0.95)),
        p99Ms: round(percentile(latencies, 0.99)),
        load: load(),
        goal: 'none failed',
        met: failed === 0,
      };
      return [requests, memoryRow('api', looks.api), memoryRow('worker', looks.worker)];
    }),
  );
}

function memoryRow(process: string, looks: readonly Look[]): Row {
  const settled = looks.slice(Math.floor(looks.length * WARM_UP_SHARE));
  const slope = slopePerHour(settled);
  return {
    what: `memory of the ${process}`,
    firstMib: round(settled[0]?.rssMib ?? NaN, 0),
    lastMib: round(settled.at(-1)?.rssMib ?? NaN, 0),
    peakMib: round(Math.max(...looks.map(({ rssMib }) => rssMib)), 0),
    slopeMibPerHour: round(slope, 1),
    goal: `slope ≤ ${MAX_SLOPE_MIB_PER_HOUR} MiB an hour`,
    met: slope <= MAX_SLOPE_MIB_PER_HOUR,
  };
}

/** The slope of the least-squares line through the samples. */
function slopePerHour(looks: readonly Look[]): number {
  const mean = (of: (look: Look) => number) => looks.reduce((sum, look) => sum + of(look), 0) / looks.length;
  const [meanS, meanMib] = [mean(({ atS }) => atS), mean(({ rssMib }) => rssMib)];
  const spread = looks.reduce((sum, { atS }) => sum + (atS - meanS) ** 2, 0);
  return (3_600 * looks.reduce((sum, { atS, rssMib }) => sum + (atS - meanS) * (rssMib - meanMib), 0)) / spread;
}

const rssMib = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? NaN) / 1_024;

/** Pushes and pulls in turn. Returns how many runs have completed. */
async function syncOn(venue: Venue, stop: AbortSignal): Promise<number> {
  let count = 0;
  while (!stop.aborted) {
    await venue.sync({ direction: count % 2 === 0 ? 'push' : 'pull', limitMs: SYNC_LIMIT_MS });
    count += 1;
  }
  return count;
}

interface Message {
  readonly url: string;
  readonly status: number;
  readonly body?: string;
}

/** Sends in turn a list, one item, a write, a load with a bad record, a list of runs, and a refused request. */
function sender({ apiUrl, token }: System, { id }: Venue): (index: number) => Promise<void> {
  const base = `${apiUrl}/v1/venues/${id}`;
  const customers = `${base}/records/customers`;
  const load = (records: readonly object[]) => ({
    url: `${customers}/batch`,
    status: 200,
    body: JSON.stringify({ records }),
  });
  const kinds: readonly ((index: number) => Message)[] = [
    () => ({ url: `${customers}?limit=50`, status: 200 }),
    (index: number) => ({ url: `${customers}?sourceId=c-${index % CUSTOMERS}`, status: 200 }),
    (index: number) => load([{ sourceId: `c-${index % CUSTOMERS}`, name: `Changed ${index}` }]),
    (index: number) =>
      load([
        { sourceId: `soak-${index % 500}`, name: 'New' },
        { sourceId: 'bad', email: 1 },
      ]),
    () => ({ url: `${base}/syncs?limit=20`, status: 200 }),
    () => ({ url: `${customers}?parrots=1`, status: 400 }),
  ];
  return async (index) => {
    const kind = kinds[index % kinds.length];
    if (!kind) throw new Error('there is no such kind of request');
    const { url, status, body } = kind(index);
    const answer = await fetch(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        ...(body !== undefined && { 'idempotency-key': randomUUID() }),
      },
      signal: AbortSignal.timeout(10_000),
      ...(body !== undefined && { body }),
    });
    await answer.arrayBuffer();
    if (answer.status !== status) throw new Error(`status ${answer.status}`);
  };
}
