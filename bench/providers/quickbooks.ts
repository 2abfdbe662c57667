import { accountPaceOf } from '../../providers/limits/limits.ts';
import { QUICKBOOKS_CAPABILITIES } from '../../providers/quickbooks/capabilities.ts';
import type { QuickBooksCompany } from '../../test/support/sandbox/quickbooks-company.ts';
import { consentTo } from '../support/consent.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { watched } from '../support/watched-run.ts';
import type { Call, Watched } from '../support/watched-run.ts';
import { noNewsRow, pacedPushRow, pullRow, withProviderBench } from './provider-run.ts';
import type { ProviderBench, ProviderBenchOptions } from './provider-run.ts';

/** What QuickBooks documents, which the stand-in refuses more than. */
export const DOCUMENTED = {
  ...{ requestsPerMinute: 500, batchesPerMinute: 40, requestsPerSecond: 10, requestsAtOnce: 10 },
} as const;
export const WITHOUT_LIMITS = {
  ...{ requestsPerMinute: 0, batchesPerMinute: 0, requestsPerSecond: 0, requestsAtOnce: 0 },
  latencyMs: 0,
} as const;
/** The stand-in's companies keep their books in pounds. */
const HOME_CURRENCY = 'GBP';
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 30;
const LIMIT_MS = 1_200_000;
const RATE = accountPaceOf(QUICKBOOKS_CAPABILITIES.limits.sandbox);

/** Pulls and pushes customers and invoices of QuickBooks at its documented limits. */
export const benchQuickBooks = (options: ProviderBenchOptions): Promise<readonly Row[]> =>
  withProviderBench(options, async (bench) => {
    // What events read would count as the run's.
    await bench.system.quickbooks.send('POST', '/webhooks', { url: null });
    const rows = [...(await pull(bench, READ.customers)), ...(await push(bench))];
    return [...rows, ...(await pull(bench, READ.invoices)), ...(await pushInvoices(bench))];
  });

const READ = {
  customers: { resource: 'customers', entity: 'Customer' },
  invoices: { resource: 'invoices', entity: 'Invoice' },
} as const;

/** A first pull, and an incremental one that finds nothing new. */
async function pull(
  bench: ProviderBench,
  { resource, entity }: (typeof READ)[keyof typeof READ],
): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.quickbooks.limits(WITHOUT_LIMITS);
  const { venue, company } = await aConnectedVenue(system);
  await company.seed(entity, records);
  await system.quickbooks.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'pull', resource, limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: company, request });
  const second = await watched(bench, { venue, account: company, request: { ...request, mode: 'incremental' } });
  const pages = Math.ceil(records / PAGE_SIZE);
  return [
    pullRow(bench, first, { what: `pull ${records} ${resource}`, records, pages, rate: RATE }),
    noNewsRow(bench, second, `pull ${resource} again, nothing new`),
  ];
}

/** A first push, which creates every customer, and a second one, which has nothing to write. */
async function push(bench: ProviderBench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.quickbooks.limits(WITHOUT_LIMITS);
  const { venue, company } = await aConnectedVenue(system);
  await venue.load(records, 'Customer');
  await system.quickbooks.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'push', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: company, request });
  const second = await watched(bench, { venue, account: company, request });
  return pushRows(bench, 'customers', [first, second]);
}

/** The same of invoices, all of one customer and one product, which the company has already. */
async function pushInvoices(bench: ProviderBench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.quickbooks.limits(WITHOUT_LIMITS);
  const { venue, company } = await aConnectedVenue(system);
  await venue.load(1, 'Customer');
  await venue.loadProducts(1, HOME_CURRENCY);
  for (const resource of ['customers', 'products'] as const)
    await venue.sync({ direction: 'push', resource, limitMs: LIMIT_MS });
  await venue.loadInvoices(records, HOME_CURRENCY);
  await system.quickbooks.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'push', resource: 'invoices', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account: company, request });
  const second = await watched(bench, { venue, account: company, request });
  return pushRows(bench, 'invoices', [first, second]);
}

function pushRows(bench: ProviderBench, resource: string, [first, second]: readonly [Watched, Watched]): Row[] {
  const { records } = bench.options;
  const batches = Math.ceil(records / BATCH_SIZE);
  const paced = { perMinute: DOCUMENTED.batchesPerMinute, isWrite: ({ path }: Call) => path.endsWith('/batch') };
  return [
    pacedPushRow(bench, first, { ...paced, what: `push ${records} ${resource}, new`, batches, created: records }),
    pacedPushRow(bench, second, { ...paced, what: `push ${records} ${resource}, unchanged`, batches: 0, created: 0 }),
  ];
}

/** A venue whose owner has approved the access to a new company. */
async function aConnectedVenue(
  system: System,
): Promise<{ readonly venue: Venue; readonly company: QuickBooksCompany }> {
  const consent = { provider: 'quickbooks', environment: 'sandbox' } as const;
  const { venue, account } = await consentTo(system, await Venue.open(system.api), consent);
  return { venue, company: await system.quickbooks.companyOf(account) };
}
