import { accountPaceOf } from '../../providers/limits/limits.ts';
import { MAILCHIMP_CAPABILITIES } from '../../providers/mailchimp/capabilities.ts';
import type { MailchimpAccount } from '../../test/support/sandbox/mailchimp-account.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Call, Watched } from '../support/watched-run.ts';
import { noNewsRow, pullRow, withProviderBench } from './provider-run.ts';
import type { ProviderBench, ProviderBenchOptions } from './provider-run.ts';

/** What Mailchimp documents, which the stand-in refuses more than: connections at once. It tells no rate. */
const DOCUMENTED = { connections: 10 } as const;
const WITHOUT_LIMITS = { connections: 0, latencyMs: 0 } as const;
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 500;
const LIMIT_MS = 300_000;
const RATE = accountPaceOf(MAILCHIMP_CAPABILITIES.limits.production);

/** Pulls and pushes members of a Mailchimp audience within the documented limits. */
export const benchMailchimp = (options: ProviderBenchOptions): Promise<readonly Row[]> =>
  withProviderBench(options, async (bench) => [...(await pull(bench)), ...(await push(bench))]);

/** A first pull, and an incremental one that finds nothing new. */
async function pull(bench: ProviderBench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.mailchimp.limits(WITHOUT_LIMITS);
  const { venue, account } = await aConnectedVenue(system);
  await account.seed('members', records);
  await system.mailchimp.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'pull', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account, request });
  const second = await watched(bench, { venue, account, request: { ...request, mode: 'incremental' } });
  const pages = Math.ceil(records / PAGE_SIZE);
  return [
    pullRow(bench, first, { what: `pull ${records} members`, records, pages, rate: RATE }),
    noNewsRow(bench, second, 'pull members again, nothing new'),
  ];
}

/** A first push, which adds every member, one of changed names, and a last one, which has nothing to write. */
async function push(bench: ProviderBench): Promise<readonly Row[]> {
  const { system, options } = bench;
  const { records, latencyMs } = options;
  await system.mailchimp.limits(WITHOUT_LIMITS);
  const { venue, account } = await aConnectedVenue(system);
  await venue.load(records, 'Customer');
  await system.mailchimp.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'push', limitMs: LIMIT_MS } as const;
  const batches = Math.ceil(records / BATCH_SIZE);
  const first = await watched(bench, { venue, account, request });
  await venue.load(records, 'Renamed');
  const changed = await watched(bench, { venue, account, request });
  const last = await watched(bench, { venue, account, request });
  // The audience holds the customers of a further venue already: its batches are refused first.
  const further = await Venue.create(system.api, account.apiKey, 'mailchimp');
  await further.load(records, 'Guest');
  const met = await watched(bench, { venue: further, account, request });
  return [
    pushRow(bench, first, { what: `push ${records} members, new`, batches, created: records, updated: 0 }),
    pushRow(bench, changed, { what: `push ${records} members, renamed`, batches, created: 0, updated: records }),
    pushRow(bench, last, { what: `push ${records} members, unchanged`, batches: 0, created: 0, updated: 0 }),
    pushRow(bench, met, {
      ...{ what: `push ${records} customers who are members already` },
      ...{ batches: 2 * batches, created: 0, updated: records },
    }),
  ];
}

interface Expected {
  readonly what: string;
  readonly batches: number;
  readonly created: number;
  readonly updated: number;
}

function pushRow(bench: ProviderBench, { run, cost, calls }: Watched, expected: Expected): Row {
  const { created, updated, unchanged, rejected } = run.counts;
  const isBatch = ({ method, path }: Call) => method === 'POST' && /\/lists\/[^/]+$/.test(path);
  const batches = calls.filter(isBatch).length;
  const others = calls.filter((call) => call.written && !isBatch(call)).length;
  return {
    what: expected.what,
    seconds: round(run.wallS),
    ...{ created, updated, unchanged, rejected, batches, otherWrites: others },
    ...figuresOf(bench, { cost, calls }),
    goal: `≤ ${expected.batches} batches and no other write, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
    met:
      batches <= expected.batches &&
      others === 0 &&
      created === expected.created &&
      updated === expected.updated &&
      rejected === 0 &&
      isWithin(bench, { cost, calls }),
  };
}

/** A venue that is connected by the key of a new account, which has one audience. */
async function aConnectedVenue({
  api,
  mailchimp,
}: System): Promise<{ readonly venue: Venue; readonly account: MailchimpAccount }> {
  const account = await mailchimp.addAccount();
  return { venue: await Venue.create(api, account.apiKey, 'mailchimp'), account };
}
