import { accountPaceOf } from '../../providers/limits/limits.ts';
import { XERO_CAPABILITIES } from '../../providers/xero/capabilities.ts';
import type { XeroOrganisation } from '../../test/support/sandbox/xero-organisation.ts';
import { consentTo } from '../support/consent.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { watched } from '../support/watched-run.ts';
import type { Call } from '../support/watched-run.ts';
import { noNewsRow, pacedPushRow, pullRow, withProviderBench } from './provider-run.ts';
import type { ProviderBench, ProviderBenchOptions } from './provider-run.ts';

/** What Xero documents for an organisation and an app, which the stand-in refuses more than. */
export const DOCUMENTED = {
  ...{ requestsPerMinute: 60, requestsAtOnce: 5, requestsPerDay: 5_000, appRequestsPerMinute: 10_000 },
} as const;
export const WITHOUT_LIMITS = {
  ...{ requestsPerMinute: 0, requestsAtOnce: 0, requestsPerDay: 0, appRequestsPerMinute: 0 },
  latencyMs: 0,
} as const;
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 50;
const LIMIT_MS = 600_000;
const RATE = accountPaceOf(XERO_CAPABILITIES.limits.production);

/** What is read, with the collections that the stand-in is filled with and the most calls that a run without news takes. */
const READ = [
  { resource: 'customers', collections: ['Contacts'] },
  { resource: 'invoices', collections: ['Invoices'] },
  { resource: 'transactions', collections: ['Payments', 'CreditNotes', 'BankTransactions'] },
] as const;

/** Pulls and pushes records of Xero at its documented limits. */
export const benchXero = (options: ProviderBenchOptions): Promise<readonly Row[]> =>
  withProviderBench(options, async (bench) => {
    const rows: Row[] = [];
    for (const read of READ) rows.push(...(await pull(bench, read)));
    return [...rows, ...(await push(bench))];
  });

/** A first pull, and an incremental one that finds nothing new. */
async function pull(bench: ProviderBench, { resource, collections }: (typeof READ)[number]): Promise<readonly Row[]> {
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
  return [
    pullRow(bench, first, { what: `pull ${records} ${resource}`, records, pages, rate: RATE }),
    noNewsRow(bench, second, `pull ${resource} again, nothing new`),
  ];
}

/** A first push, which creates every contact, and a second one, which has nothing to write. */
async function push(bench: ProviderBench): Promise<readonly Row[]> {
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
    pacedPushRow(bench, first, { ...PACED, what: `push ${records} contacts, new`, batches, created: records }),
    pacedPushRow(bench, second, { ...PACED, what: `push ${records} contacts, unchanged`, batches: 0, created: 0 }),
  ];
}

const PACED = {
  perMinute: DOCUMENTED.requestsPerMinute,
  // A refused call is counted with the 429s, and is sent again.
  isWrite: ({ method, status }: Call) => method !== 'GET' && status !== 429,
} as const;

/** A venue whose owner has approved the access to a new organisation. */
async function aConnectedVenue(
  system: System,
): Promise<{ readonly venue: Venue; readonly organisation: XeroOrganisation }> {
  const consent = { provider: 'xero', environment: 'production' } as const;
  const { venue, account } = await consentTo(system, await Venue.open(system.api), consent);
  return { venue, organisation: await system.xero.organisationOf(account) };
}
