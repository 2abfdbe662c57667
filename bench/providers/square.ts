import { z } from 'zod';
import { accountPaceOf } from '../../providers/limits/limits.ts';
import { SQUARE_CAPABILITIES } from '../../providers/square/capabilities.ts';
import { HistoryReader } from '../support/history-cost.ts';
import { round } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import type { Row } from '../support/report.ts';
import type { SyncRequest } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Watched, Watching } from '../support/watched-run.ts';

export interface SquareOptions {
  readonly records: number;
  readonly latencyMs: number;
}

type Resource = NonNullable<SyncRequest['resource']>;

/** How the stand-in seeds a resource, and the objects of the page that its pull reads. */
const READS: readonly { readonly resource: Resource; readonly seed: string; readonly pageSize: number }[] = [
  { resource: 'customers', seed: 'customers', pageSize: 100 },
  { resource: 'products', seed: 'catalogue', pageSize: 1_000 },
  { resource: 'inventory', seed: 'counts', pageSize: 1_000 },
  { resource: 'transactions', seed: 'payments', pageSize: 100 },
  { resource: 'invoices', seed: 'invoices', pageSize: 100 },
];

/** Objects that Square takes in one call. */
const WRITES: readonly { readonly resource: 'customers' | 'products' | 'inventory'; readonly batchSize: number }[] = [
  { resource: 'customers', batchSize: 100 },
  { resource: 'products', batchSize: 1_000 },
  { resource: 'inventory', batchSize: 100 },
];

const ROWS_PER_SECOND = 19_000;
const LIMIT_MS = 600_000;
const RATE = accountPaceOf(SQUARE_CAPABILITIES.limits.sandbox);

const integration = z.object({
  resources: z.array(z.object({ resource: z.string(), directions: z.array(z.string()) })),
});

/** Pulls and pushes every resource of Square that its adapter declares, within the budget that it declares. */
export async function benchSquare(options: SquareOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
      const { resources } = integration.parse(await system.api.get('/v1/integrations/square'));
      const can = (resource: string, direction: string): boolean =>
        resources.some((one) => one.resource === resource && one.directions.includes(direction));
      const history = await HistoryReader.connect(system);
      const rows: Row[] = [];
      try {
        for (const read of READS.filter(({ resource }) => can(resource, 'pull')))
          rows.push(await pull({ system, history, options }, read));
        for (const write of WRITES.filter(({ resource }) => can(resource, 'push')))
          rows.push(...(await push({ system, history, options }, write)));
      } finally {
        await history.close();
      }
      return rows;
    }),
  );
}

interface Bench extends Watching {
  readonly options: SquareOptions;
}

/** A page takes more calls where its records lie in other objects too; the floor counts the calls that were made. */
async function pull(bench: Bench, { resource, seed, pageSize }: (typeof READS)[number]): Promise<Row> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.square.limits({ latencyMs: 0, requestsPerSecond: 0 });
  const merchant = await system.square.addMerchant();
  await merchant.seed(seed, records);
  const venue = await Venue.create(system.api, merchant.token, 'square');
  await system.square.limits({ latencyMs, requestsPerSecond: RATE });
  const { run, cost, calls } = await watched(bench, {
    venue,
    account: merchant,
    request: { direction: 'pull', resource, limitMs: LIMIT_MS },
  });
  const pages = Math.ceil(records / pageSize);
  const floorS = Math.max(calls.length / RATE, (pages * latencyMs) / 1_000, records / ROWS_PER_SECOND);
  const goalS = 1.15 * floorS + 1;
  return {
    what: `pull ${records} ${resource} at ${RATE}/s`,
    seconds: round(run.wallS),
    floorS: round(floorS),
    created: run.counts.created,
    ...figuresOf(bench, { cost, calls }),
    goal: `≤ ${round(goalS)} s, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
    met: run.wallS <= goalS && run.counts.created === records && isWithin(bench, { cost, calls }),
  };
}

/** A first push, which creates every record, and a second one, which has nothing to write. */
async function push(bench: Bench, { resource, batchSize }: (typeof WRITES)[number]): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  const { venue, merchant } = await aLoadedVenue(bench, resource);
  await system.square.limits({ latencyMs, requestsPerSecond: RATE });
  const request = { direction: 'push', resource, limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: merchant, request });
  const second = await watched(bench, { venue, account: merchant, request });
  const what = `push ${records} ${resource} at ${RATE}/s`;
  // The first product of a seller takes a call more, which defines the attribute that carries our record's id.
  const batches = Math.ceil(records / batchSize) + (resource === 'products' ? 1 : 0);
  return [
    pushRow(bench, first, { what: `${what}, new`, batches, created: records }),
    pushRow(bench, second, { what: `${what}, unchanged`, batches: 0, created: 0 }),
  ];
}

async function aLoadedVenue({ system, options: { records } }: Bench, resource: (typeof WRITES)[number]['resource']) {
  await system.square.limits({ latencyMs: 0, requestsPerSecond: 0 });
  const merchant = await system.square.addMerchant();
  const venue = await Venue.create(system.api, merchant.token, 'square');
  if (resource === 'customers') await venue.load(records, 'Customer');
  // The stand-in's merchants sell in pounds, and Square refuses any other currency.
  else await venue.loadProducts(records, 'GBP');
  if (resource === 'inventory') {
    await venue.sync({ direction: 'push', resource: 'products', limitMs: LIMIT_MS });
    await venue.loadCounts(records, merchant.mainLocationId);
  }
  return { venue, merchant };
}

function pushRow(
  bench: Bench,
  { run, cost, calls }: Watched,
  expected: { readonly what: string; readonly batches: number; readonly created: number },
): Row {
  const writes = calls.filter(({ written }) => written).length;
  const times = calls.map(({ at }) => at);
  const seconds = (Math.max(...times) - Math.min(...times)) / 1_000;
  const isWhole = run.counts.created === expected.created && run.counts.rejected === 0;
  return {
    what: expected.what,
    seconds: round(run.wallS),
    created: run.counts.created,
    unchanged: run.counts.unchanged,
    rejected: run.counts.rejected,
    writes,
    perSecond: calls.length < 2 ? null : round((calls.length - 1) / seconds),
    ...figuresOf(bench, { cost, calls }),
    goal: `${expected.batches} writing calls, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
    met: writes <= expected.batches && isWhole && isWithin(bench, { cost, calls }),
  };
}
