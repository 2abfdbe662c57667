import { accountPaceOf } from '../../providers/limits/limits.ts';
import { XERO_CAPABILITIES } from '../../providers/xero/capabilities.ts';
import type { XeroOrganisation } from '../../test/support/sandbox/xero-organisation.ts';
import { consentTo } from '../support/consent.ts';
import { HistoryReader } from '../support/history-cost.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Watched, Watching } from '../support/watched-run.ts';

export interface XeroOptions {
  readonly records: number;
  readonly latencyMs: number;
}

/** What Xero documents for an organisation and an app, which the stand-in refuses more than. */
const DOCUMENTED = { requestsPerMinute: 60, requestsPerDay: 5_000, appRequestsPerMinute: 10_000 } as const;
const WITHOUT_LIMITS = { requestsPerMinute: 0, requestsPerDay: 0, appRequestsPerMinute: 0, latencyMs: 0 } as const;
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 50;
const ROWS_PER_SECOND = 19_000;
/** Share of the documented rate that a push has to reach. */
const GOAL_SHARE = 0.95;
const MOST_CALLS_WITHOUT_NEWS = 2;
const LIMIT_MS = 600_000;
const RATE = accountPaceOf(XERO_CAPABILITIES.limits.production);

/** What is read, with the collections that the stand-in is filled with and the most calls that a run without news takes. */
const READ = [
  { resource: 'customers', collections: ['Contacts'] },
  { resource: 'invoices', collections: ['Invoices'] },
  { resource: 'transactions', collections: ['Payments', 'CreditNotes', 'BankTransactions'] },
] as const;

interface Bench extends Watching {
  readonly options: XeroOptions;
}

/** Pulls and pushes records of Xero at its documented limits. */
export async function benchXero(options: XeroOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
      const history = await HistoryReader.connect(system);
      const bench = { system, history, options };
      try {
        const rows: Row[] = [];
        for (const read of READ) rows.push(...(await pull(bench, read)));
        return [...rows, ...(await push(bench))];
      } finally {
        await history.close();
      }
    }),
  );
}

/** A first pull, and an incremental one that finds nothing new. */
async function pull(bench: Bench, { resource, collections }: (typeof READ)[number]): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { latencyMs } = options;
  await system.xero.limits(WITHOUT_LIMITS);
  const { venue, organisation } = await aConnectedVenue(system);
  const each = Math.ceil(options.records / collections.length);
  for (const collection of collections) await organisation.seed(collection, each);
  await system.xero.limits({ ...DOCUMENTED, latencyMs });
  const records = each * collections.length;
  const request = { direction: 'pull', resource, limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: organisation, request });
  const second = await watched(bench, { venue, account: organisation, request: { ...request, mode: 'incremental' } });
  const pages = Math.ceil(each / PAGE_SIZE) * collections.length;
  const floorS = Math.max(first.calls.length / RATE, (pages * latencyMs) / 1_000, records / ROWS_PER_SECOND);
  const goalS = 1.15 * floorS + 1;
  return [
    {
      what: `pull ${records} ${resource}`,
      seconds: round(first.run.wallS),
      floorS: round(floorS),
      created: first.run.counts.created,
      ...figuresOf(bench, first),
      goal: `≤ ${round(goalS)} s, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
      met: first.run.wallS <= goalS && first.run.counts.created === records && isWithin(bench, first),
    },
    {
      what: `pull ${resource} again, nothing new`,
      seconds: round(second.run.wallS),
      ...figuresOf(bench, second),
      goal: `≤ ${MOST_CALLS_WITHOUT_NEWS} calls`,
      met: second.calls.length <= MOST_CALLS_WITHOUT_NEWS && second.run.counts.updated === 0,
    },
  ];
}

/** A first push, which creates every contact, and a second one, which has nothing to write. */
async function push(bench: Bench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.xero.limits(WITHOUT_LIMITS);
  const { venue, organisation } = await aConnectedVenue(system);
  await venue.load(records, 'Customer');
  await system.xero.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'push', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: organisation, request });
  const second = await watched(bench, { venue, account: organisation, request });
  const batches = Math.ceil(records / BATCH_SIZE);
  return [
    pushRow(bench, first, { what: `push ${records} contacts, new`, batches, created: records }),
    pushRow(bench, second, { what: `push ${records} contacts, unchanged`, batches: 0, created: 0 }),
  ];
}

function pushRow(
  bench: Bench,
  { run, cost, calls }: Watched,
  expected: { readonly what: string; readonly batches: number; readonly created: number },
): Row {
  // A refused call is counted with the 429s, and is sent again.
  const writes = calls.filter(({ method, status }) => method !== 'GET' && status !== 429);
  const times = writes.map(({ at }) => at);
  const minutes = (Math.max(...times) - Math.min(...times)) / 60_000;
  const writesPerMinute = times.length < 2 ? null : round((times.length - 1) / minutes);
  const goalPerMinute = GOAL_SHARE * DOCUMENTED.requestsPerMinute;
  return {
    what: expected.what,
    seconds: round(run.wallS),
    created: run.counts.created,
    unchanged: run.counts.unchanged,
    rejected: run.counts.rejected,
    writes: writes.length,
    writesPerMinute,
    ...figuresOf(bench, { cost, calls }),
    goal: `≤ ${expected.batches} writes, ≥ ${goalPerMinute} a minute, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
    met:
      writes.length <= expected.batches &&
      (writesPerMinute === null || writesPerMinute >= goalPerMinute) &&
      run.counts.created === expected.created &&
      run.counts.rejected === 0 &&
      isWithin(bench, { cost, calls }),
  };
}

/** A venue whose owner has approved the access to a new organisation. */
async function aConnectedVenue(
  system: System,
): Promise<{ readonly venue: Venue; readonly organisation: XeroOrganisation }> {
  const consent = { provider: 'xero', environment: 'production' } as const;
  const { venue, account } = await consentTo(system, await Venue.open(system.api), consent);
  return { venue, organisation: await system.xero.organisationOf(account) };
}
