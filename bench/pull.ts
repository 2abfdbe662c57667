import { concurrencyOf } from '../providers/limits/limits.ts';
import { STRIPE_CAPABILITIES } from '../providers/stripe/capabilities.ts';
import { load, round } from './support/report.ts';
import { withFolder, withSystem } from './support/system.ts';
import { Venue } from './support/venue.ts';
import type { Row } from './support/report.ts';
import type { System } from './support/system.ts';

export interface PullOptions {
  /** Budgets to try, in requests per second. */
  readonly rates: readonly number[];
  readonly records: number;
  readonly latencyMs: number;
  readonly repeats: number;
  /** Creates customers in bursts, as a venue's import does, instead of evenly. */
  readonly uneven: boolean;
}

/** Rows per second that Postgres accepts on the machine of the design's measurements. */
const ROWS_PER_SECOND = 19_000;
const PAGE_SIZE = 100;

/** Pulls everything into a new venue at each budget. */
export async function benchPull(options: PullOptions): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const rate of options.rates) {
    rows.push(
      ...(await withFolder((home) =>
        withSystem({ home, requestsPerSecond: rate }, (system) => pullAt(rate, system, options)),
      )),
    );
  }
  return rows;
}

async function pullAt(
  rate: number,
  { api, stripe }: System,
  { records, latencyMs, repeats, uneven }: PullOptions,
): Promise<readonly Row[]> {
  const { id: account, secretKey } = await stripe.addAccount();
  await stripe.seed({
    resource: 'customers',
    account,
    ...(uneven ? { records: inBursts(records) } : { count: records }),
  });
  const floorS = floorOf({ rate, records, latencyMs });
  const goalS = 1.15 * floorS + 1;
  const runs: Row[] = [];
  for (let repeat = 1; repeat <= repeats; repeat += 1) {
    await stripe.limits({ latencyMs: 0 });
    const venue = await Venue.create(api, secretKey);
    await stripe.limits({ latencyMs, requestsPerSecond: rate });
    const run = await venue.sync({ direction: 'pull', limitMs: goalS * 5_000 + 30_000 });
    if (run.counts.created !== records)
      throw new Error(`the pull created ${run.counts.created} of ${records} customers`);
    const calls = await stripe.calls(run.startedAtMs);
    runs.push({
      what: `pull ${records} at ${rate}/s, run ${repeat}`,
      seconds: round(run.wallS),
      floorS: round(floorS),
      shareOfFloor: round(run.wallS / floorS),
      calls: calls.length,
      refused429: calls.filter(({ status }) => status === 429).length,
      firstCallS: round((Math.min(...calls.map(({ at }) => at)) - run.startedAtMs) / 1_000),
      lastCallS: round((Math.max(...calls.map(({ at }) => at)) - run.startedAtMs) / 1_000),
      load: load(),
      goal: `≤ ${round(goalS)} s`,
      met: run.wallS <= goalS,
    });
  }
  return runs;
}

/**
 * The lower bound of a pull in seconds: pages by the budget, pages by latency and concurrency, rows by the database.
 */
function floorOf({ rate, records, latencyMs }: { rate: number; records: number; latencyMs: number }): number {
  const pages = Math.ceil(records / PAGE_SIZE);
  const concurrency = concurrencyOf(STRIPE_CAPABILITIES.limits.sandbox);
  return Math.max(pages / rate, (pages * latencyMs) / 1_000 / concurrency, records / ROWS_PER_SECOND);
}

const BURST = 1_500;
const BURST_EVERY_S = 40 * 86_400;

/** Customers at two per second, 1,500 in a row, then none for weeks. */
function inBursts(count: number): readonly object[] {
  const nowS = Math.floor(Date.now() / 1_000);
  return Array.from({ length: count }, (_, index) => {
    const created = nowS - Math.floor(index / BURST) * BURST_EVERY_S - Math.floor((index % BURST) / 2);
    return { created, name: `Customer ${index}`, email: `customer-${index}@example.com` };
  });
}
