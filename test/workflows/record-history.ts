/**
 * Records the histories that `replay.test.ts` replays, from a running copy of the service. By hand, after `npm start`:
 *
 *     node test/workflows/record-history.ts                 # all but the last two
 *     node test/workflows/record-history.ts push-completed  # only the named ones
 *
 * `continued-as-new` and `continuation` take over three minutes, and a Temporal server that suggests to continue early:
 *
 *     temporal server start-dev --headless --port 7300 --dynamic-config-value limit.historyCount.suggestContinueAsNew=10
 *     TEMPORAL_ADDRESS=127.0.0.1:7300 npm start
 *     node test/workflows/record-history.ts continued-as-new
 *
 * INTERLOCK_HOME names the copy, as everywhere. Record again only what is new: an old history is worth keeping, for it stands for
 * runs that are open when a new version is deployed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { z } from 'zod';
import { homeOf, REPOSITORY } from '../../runtime/home.ts';
import { scheduleId } from '../../contracts/sync.ts';
import { until } from '../support/eventually.ts';
import type { History } from '../support/history.ts';
import { ServiceClient } from '../support/service-client.ts';
import type { SyncBody } from '../support/service-client.ts';
import { stripeSandboxOf } from '../support/stripe-account.ts';
import type { StripeAccount } from '../support/stripe-account.ts';

const startedFile = z.object({
  apiUrl: z.string(),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  token: z.string(),
  sandbox: z.object({ stripe: z.object({ apiUrl: z.string(), controlUrl: z.string() }) }),
});

const started = startedFile.parse(JSON.parse(readFileSync(homeOf(process.env).startedFile, 'utf8')));
const api = new ServiceClient(started.apiUrl, started.token);
const stripe = stripeSandboxOf(started.sandbox.stripe);
const connection = await Connection.connect({ address: started.temporalAddress });
const temporal = new Client({ connection, namespace: started.temporalNamespace });

interface Venue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

async function aVenue(records: number): Promise<Venue> {
  const [account, venueId] = await Promise.all([stripe.addAccount(), api.createVenue()]);
  const made = Array.from({ length: records }, (_, index) => ({ sourceId: `c-${index}`, name: `Customer ${index}` }));
  if (records > 0) await api.load(venueId, made);
  return { venueId, connectionId: (await api.connect(venueId, account.secretKey)).id, account };
}

const start = ({ venueId, connectionId }: Venue, direction: 'push' | 'pull') => api.start(venueId, { connectionId, direction });
const end = ({ venueId }: Venue, { id }: SyncBody) => api.finished(venueId, id, 400_000);

/** What the schedule of a venue's customers starts when it is triggered. */
async function scheduled({ venueId, connectionId }: Venue): Promise<Execution> {
  await api.tryPost(`/v1/venues/${venueId}/connections/${connectionId}/schedules/customers/trigger`, {});
  const { recentActions } = (await temporal.schedule.getHandle(scheduleId(connectionId, 'customers')).describe()).info;
  const { workflowId, firstExecutionRunId } = recentActions.at(-1)?.action.workflow ?? { workflowId: '', firstExecutionRunId: '' };
  return { workflowId, runId: firstExecutionRunId };
}

type Execution = Pick<SyncBody, 'workflowId' | 'runId'>;

/** Each brings about one run, and returns it under the name of its file; a run that continued has two. */
const SCENES: Readonly<Record<string, () => Promise<Readonly<Record<string, Execution>>>>> = {
  async 'push-completed'() {
    const venue = await aVenue(50);
    return { 'push-completed': await end(venue, await start(venue, 'push')) };
  },
  async 'pull-completed'() {
    const venue = await aVenue(0);
    await venue.account.seed(1_000);
    return { 'pull-completed': await end(venue, await start(venue, 'pull')) };
  },
  async cancelled() {
    const venue = await aVenue(300);
    const run = await start(venue, 'push');
    await api.reached(venue.venueId, run.id, { what: 'is at work', when: ({ progress }) => progress.done > 20 });
    await api.cancel(venue.venueId, run.id);
    return { cancelled: await end(venue, run) };
  },
  async 'failed-needs-reauth'() {
    const venue = await aVenue(10);
    await venue.account.fault({ kind: 'revoke' });
    const run = await end(venue, await start(venue, 'push'));
    await stripe.clearFaults();
    return { 'failed-needs-reauth': run };
  },
  async 'completed-after-outage'() {
    const venue = await aVenue(100);
    await venue.account.fault({ kind: 'status', status: 503, match: { nth: 20 }, times: 12 });
    return { 'completed-after-outage': await end(venue, await start(venue, 'push')) };
  },
  async 'scheduled-sync.completed'() {
    return { 'scheduled-sync.completed': await scheduled(await aVenue(0)) };
  },
  async 'scheduled-sync.skipped'() {
    const venue = await aVenue(0);
    await venue.account.seed(5_000);
    const run = await start(venue, 'pull');
    await api.reached(venue.venueId, run.id, { what: 'has begun', when: ({ startedAt }) => startedAt !== null });
    return { 'scheduled-sync.skipped': await scheduled(venue) };
  },
  async 'continued-as-new'() {
    const venue = await aVenue(4_800);
    const first = await start(venue, 'push');
    const run = await end(venue, first);
    const last = await until(async () => {
      const { runId } = await temporal.workflow.getHandle(run.workflowId).describe();
      return runId === first.runId ? null : runId;
    }, { limitMs: 5_000, what: 'the run has continued as new: does the server suggest it early enough?' });
    return { 'continued-as-new': { ...run, runId: first.runId }, continuation: { ...run, runId: last } };
  },
};

async function record(name: string, { workflowId, runId }: Execution): Promise<void> {
  const handle = temporal.workflow.getHandle(workflowId, runId ?? undefined);
  // The run is over in the database a moment before its workflow is.
  await until(async () => (await handle.describe()).status.name !== 'RUNNING', { limitMs: 10_000, what: 'the workflow has closed' });
  const file = new URL(`histories/${name.includes('.') ? name : `sync-connection.${name}`}.json`, import.meta.url);
  writeFileSync(file, `${JSON.stringify(withoutMachine(toJson(await handle.fetchHistory())), null, 1)}\n`);
  process.stdout.write(`${name}: recorded\n`);
}

const toJson = (history: History): unknown => JSON.parse(historyToJSON(history));

/** Takes out what tells of the machine: host names stand in identities and sticky queues, folders in stack traces. */
function withoutMachine(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll(/(file:\/\/)?\/[^\s()]*?(?=\/node_modules\/)/g, '').replaceAll(`file://${REPOSITORY}`, '').replaceAll(REPOSITORY, '').replaceAll(/\b\d+@[\w.-]+/g, 'recorded');
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutMachine(item)]));
}

const wanted = process.argv.slice(2);
for (const [name, scene] of Object.entries(SCENES)) {
  if (wanted.length === 0 ? name === 'continued-as-new' : !wanted.includes(name)) continue;
  for (const [file, run] of Object.entries(await scene())) await record(file, run);
}
await connection.close();
