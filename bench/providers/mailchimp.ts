import { accountPaceOf } from '../../providers/limits/limits.ts';
import { MAILCHIMP_CAPABILITIES } from '../../providers/mailchimp/capabilities.ts';
import type { MailchimpAccount } from '../../test/support/sandbox/mailchimp-account.ts';
import { HistoryReader } from '../support/history-cost.ts';
import { round } from '../support/report.ts';
import type { Row } from '../support/report.ts';
import { withFolder, withSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';
import { Venue } from '../support/venue.ts';
import { ACTIONS_LIMIT, figuresOf, isWithin, PEAK_LIMIT_MIB, watched } from '../support/watched-run.ts';
import type { Watched, Watching } from '../support/watched-run.ts';

export interface MailchimpOptions {
  readonly records: number;
  readonly latencyMs: number;
}

/** What Mailchimp documents, which the stand-in refuses more than: connections at once. It tells no rate. */
const DOCUMENTED = { connections: 10 } as const;
const WITHOUT_LIMITS = { connections: 0, latencyMs: 0 } as const;
const PAGE_SIZE = 1_000;
const BATCH_SIZE = 500;
const ROWS_PER_SECOND = 19_000;
const MOST_CALLS_WITHOUT_NEWS = 2;
const LIMIT_MS = 300_000;
const RATE = accountPaceOf(MAILCHIMP_CAPABILITIES.limits.production);

interface Bench extends Watching {
  readonly options: MailchimpOptions;
}

/** Pulls and pushes members of a Mailchimp audience within the documented limits. */
export async function benchMailchimp(options: MailchimpOptions): Promise<readonly Row[]> {
  return withFolder((home) =>
    withSystem({ home, requestsPerSecond: 100 }, async (system) => {
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
  await system.mailchimp.limits(WITHOUT_LIMITS);
  const { venue, account } = await aConnectedVenue(system);
  await account.seed('members', records);
  await system.mailchimp.limits({ ...DOCUMENTED, latencyMs });
  const request = { direction: 'pull', limitMs: LIMIT_MS } as const;
  const first = await watched(bench, { venue, account, request });
  const second = await watched(bench, { venue, account, request: { ...request, mode: 'incremental' } });
  const pages = Math.ceil(records / PAGE_SIZE);
  const floorS = Math.max(first.calls.length / RATE, (pages * latencyMs) / 1_000, records / ROWS_PER_SECOND);
  const goalS = 1.15 * floorS + 1;
  return [
    {
      what: `pull ${records} members`,
      seconds: round(first.run.wallS),
      floorS: round(floorS),
      created: first.run.counts.created,
      ...figuresOf(bench, first),
      goal: `≤ ${round(goalS)} s, 429s ≤ 1 %, peak ≤ ${PEAK_LIMIT_MIB} MiB, ≤ ${ACTIONS_LIMIT} actions`,
      met: first.run.wallS <= goalS && first.run.counts.created === records && isWithin(bench, first),
    },
    {
      what: 'pull members again, nothing new',
      seconds: round(second.run.wallS),
      ...figuresOf(bench, second),
      goal: `≤ ${MOST_CALLS_WITHOUT_NEWS} calls`,
      met: second.calls.length <= MOST_CALLS_WITHOUT_NEWS && second.run.counts.updated === 0,
    },
  ];
}

/** A first push, which adds every member, one of changed names, and a last one, which has nothing to write. */
async function push(bench: Bench): Promise<readonly Row[]> {
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
  return [
    pushRow(bench, first, { what: `push ${records} members, new`, batches, created: records, updated: 0 }),
    pushRow(bench, changed, { what: `push ${records} members, renamed`, batches, created: 0, updated: records }),
    pushRow(bench, last, { what: `push ${records} members, unchanged`, batches: 0, created: 0, updated: 0 }),
  ];
}

interface Expected {
  readonly what: string;
  readonly batches: number;
  readonly created: number;
  readonly updated: number;
}

function pushRow(bench: Bench, { run, cost, calls }: Watched, expected: Expected): Row {
  const { created, updated, unchanged, rejected } = run.counts;
  const batches = calls.filter(({ method, path }) => method === 'POST' && /\/lists\/[^/]+$/.test(path)).length;
  const others = calls.filter(({ written }) => written).length - batches;
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
