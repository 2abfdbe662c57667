import { z } from 'zod';
import { accountPaceOf } from '../../providers/limits/limits.ts';
import { SQUARE_CAPABILITIES } from '../../providers/square/capabilities.ts';
import { round } from '../support/report.ts';
import { Venue } from '../support/venue.ts';
import type { Row } from '../support/report.ts';
import type { SyncRequest } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Watched } from '../support/watched-run.ts';
import { pullRow, withProviderBench } from './provider-run.ts';
import type { ProviderBench, ProviderBenchOptions } from './provider-run.ts';

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

const LIMIT_MS = 600_000;
const RATE = accountPaceOf(SQUARE_CAPABILITIES.limits.sandbox);

const integration = z.object({
  resources: z.array(z.object({ resource: z.string(), directions: z.array(z.string()) })),
});

/** Pulls and pushes every resource of Square that its adapter declares, within the budget that it declares. */
export const benchSquare = (options: ProviderBenchOptions): Promise<readonly Row[]> =>
  withProviderBench(options, async (bench) => {
    const { resources } = integration.parse(await bench.system.api.get('/v1/integrations/square'));
    const can = (resource: string, direction: string): boolean =>
      resources.some((one) => one.resource === resource && one.directions.includes(direction));
    const rows: Row[] = [];
    for (const read of READS.filter(({ resource }) => can(resource, 'pull'))) rows.push(await pull(bench, read));
    for (const write of WRITES.filter(({ resource }) => can(resource, 'push')))
      rows.push(...(await push(bench, write)));
    return rows;
  });

/** A page takes more calls where its records lie in other objects too; the floor counts the calls that were made. */
async function pull(bench: ProviderBench, { resource, seed, pageSize }: (typeof READS)[number]): Promise<Row> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.square.limits({ latencyMs: 0, requestsPerSecond: 0 });
  const merchant = await system.square.addMerchant();
  await merchant.seed(seed, records);
  const venue = await Venue.create(system.api, merchant.token, 'square');
  await system.square.limits({ latencyMs, requestsPerSecond: RATE });
  const pulled = await watched(bench, {
    venue,
    account: merchant,
    request: { direction: 'pull', resource, limitMs: LIMIT_MS },
  });
  const pages = Math.ceil(records / pageSize);
  return pullRow(bench, pulled, { what: `pull ${records} ${resource} at ${RATE}/s`, records, pages, rate: RATE });
}

/** A first push, which creates every record, and a second one, which has nothing to write. */
async function push(bench: ProviderBench, { resource, batchSize }: (typeof WRITES)[number]): Promise<readonly Row[]> {
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

async function aLoadedVenue(
  { system, options: { records } }: ProviderBench,
  resource: (typeof WRITES)[number]['resource'],
) {
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
  bench: ProviderBench,
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
