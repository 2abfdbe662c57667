import { accountPaceOf } from '../../providers/limits/limits.ts';
import { QUICKBOOKS_CAPABILITIES } from '../../providers/quickbooks/capabilities.ts';
import type { QuickBooksCompany } from '../../test/support/sandbox/quickbooks-company.ts';
import { consentTo } from '../support/consent.ts';
import { HistoryReader } from '../support/history-cost.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Watched, Watching } from '../support/watched-run.ts';

export interface QuickBooksOptions {
  readonly records: number;
  readonly latencyMs: number;
}

/** What QuickBooks documents, which the stand-in refuses more than. */
const DOCUMENTED = { requestsPerMinute: 500, batchesPerMinute: 40 } as const;
const WITHOUT_LIMITS = { requestsPerMinute: 0, batchesPerMinute: 0, latencyMs: 0 } as const;
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 30;
const ROWS_PER_SECOND = 19_000;
/** Share of the documented rate that a push has to reach. */
const GOAL_SHARE = 0.95;
const MOST_CALLS_WITHOUT_NEWS = 2;
const LIMIT_MS = 1_200_000;
const RATE = accountPaceOf(QUICKBOOKS_CAPABILITIES.limits.sandbox);

interface Bench extends Watching {
  readonly options: QuickBooksOptions;
}

/** Pulls and pushes customers of QuickBooks at its documented limits. */
export async function benchQuickBooks(options: QuickBooksOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
      // What events read would count as the run's.
      await system.quickbooks.send('POST', '/webhooks', { url: null });
      const history = await HistoryReader.connect(system);
      const bench = { system, history, options };
      try {
        return [...(await pull(bench)), ...(await push(bench))];
      } finally {
        await history.close();
      }
    }),
  );
}

/** A first pull, and an incremental one that finds nothing new. */
async function pull(bench: Bench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.quickbooks.limits(WITHOUT_LIMITS);
  const { venue, company } = await aConnectedVenue(system);
  await company.seed('Customer', records);
  await system.quickbooks.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'pull', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: company, request });
  const second = await watched(bench, { venue, account: company, request: { ...request, mode: 'incremental' } });
  const pages = Math.ceil(records / PAGE_SIZE);
  const floorS = Math.max(first.calls.length / RATE, (pages * latencyMs) / 1_000, records / ROWS_PER_SECOND);
  const goalS = 1.15 * floorS + 1;
  return [
    {
      what: `pull ${records} customers`,
      seconds: round(first.run.wallS),
      floorS: round(floorS),
      created: first.run.counts.created,
      ...figuresOf(bench, first),
      goal: `≤ ${round(goalS)} s, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
      met: first.run.wallS <= goalS && first.run.counts.created === records && isWithin(bench, first),
    },
    {
      what: 'pull customers again, nothing new',
      seconds: round(second.run.wallS),
      ...figuresOf(bench, second),
      goal: `≤ ${MOST_CALLS_WITHOUT_NEWS} calls`,
      met: second.calls.length <= MOST_CALLS_WITHOUT_NEWS && second.run.counts.updated === 0,
    },
  ];
}

/** A first push, which creates every customer, and a second one, which has nothing to write. */
async function push(bench: Bench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.quickbooks.limits(WITHOUT_LIMITS);
  const { venue, company } = await aConnectedVenue(system);
  await venue.load(records, 'Customer');
  await system.quickbooks.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'push', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: company, request });
  const second = await watched(bench, { venue, account: company, request });
  const batches = Math.ceil(records / BATCH_SIZE);
  return [
    pushRow(bench, first, { what: `push ${records} customers, new`, batches, created: records }),
    pushRow(bench, second, { what: `push ${records} customers, unchanged`, batches: 0, created: 0 }),
  ];
}

function pushRow(
  bench: Bench,
  { run, cost, calls }: Watched,
  expected: { readonly what: string; readonly batches: number; readonly created: number },
): Row {
  const times = calls.filter(({ path }) => path.endsWith('/batch')).map(({ at }) => at);
  const minutes = (Math.max(...times) - Math.min(...times)) / 60_000;
  const batchesPerMinute = times.length < 2 ? null : round((times.length - 1) / minutes);
  const goalPerMinute = GOAL_SHARE * DOCUMENTED.batchesPerMinute;
  return {
    what: expected.what,
    seconds: round(run.wallS),
    created: run.counts.created,
    unchanged: run.counts.unchanged,
    rejected: run.counts.rejected,
    batches: times.length,
    batchesPerMinute,
    ...figuresOf(bench, { cost, calls }),
    goal: `≤ ${expected.batches} batches, ≥ ${goalPerMinute} a minute, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
    met:
      times.length <= expected.batches &&
      (batchesPerMinute === null || batchesPerMinute >= goalPerMinute) &&
      run.counts.created === expected.created &&
      run.counts.rejected === 0 &&
      isWithin(bench, { cost, calls }),
  };
}

/** A venue whose owner has approved the access to a new company. */
async function aConnectedVenue(
  system: System,
): Promise<{ readonly venue: Venue; readonly company: QuickBooksCompany }> {
  const consent = { provider: 'quickbooks', environment: 'sandbox' } as const;
  const { venue, account } = await consentTo(system, await Venue.open(system.api), consent);
  return { venue, company: await system.quickbooks.companyOf(account) };
}
