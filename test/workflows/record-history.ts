/**
 * Records the histories that `replay.test.ts` replays, from a running copy of the service. By hand, after `npm start`:
 *
 *     node test/workflows/record-history.ts                 # every scene that has no history yet, but the last
 *     node test/workflows/record-history.ts push-completed  # only the named ones
 *
 * The scenes of subscriptions need a copy that was started with ALLOW_LOOPBACK_RECEIVERS=true.
 * `woke-by-itself` takes some four minutes: an outage, and the first wait after it.
 * `authorize-connection.expired` takes ten minutes.
 * `continued-as-new` and `continuation` take over three minutes, and a Temporal server that suggests to continue early:
 *
 *     temporal server start-dev --headless --port 7300 --dynamic-config-value limit.historyCount.suggestContinueAsNew=10
 *     TEMPORAL_ADDRESS=127.0.0.1:7300 npm start
 *     node test/workflows/record-history.ts continued-as-new
 *
 * INTERLOCK_HOME names the copy, as everywhere. What is there is never overwritten, a second history of a scene gets a number: an old
 * one stands for runs that are open when a new version is deployed.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { z } from 'zod';
import { homeOf, REPOSITORY } from '../../runtime/start/home.ts';
import { APPROVE_SIGNAL, scheduleId } from '../../contracts/sync.ts';
import { DEAD_LETTER_SWEEP_SCHEDULE_ID, retryDeadLettersWorkflowId } from '../../contracts/dead-letters.ts';
import type { ConnectionRef, JobId, VenueId } from '../../contracts/ids.ts';
import {
  CONNECTION_SWEEP_SCHEDULE_ID,
  drainInboxWorkflowId,
  INBOX_SWEEP_SCHEDULE_ID,
  REPAIR_GAPS,
} from '../../contracts/inbox.ts';
import { gapRepair } from '../../domain/inbox/event-comparison.ts';
import { RETENTION_SCHEDULE_ID } from '../../contracts/retention.ts';
import { rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import { closeVenueWorkflowId } from '../../contracts/venues.ts';
import { until } from '../support/eventually.ts';
import type { History } from '../support/history.ts';
import { ServiceClient } from '../support/service-client.ts';
import type { SyncBody, SyncOrder } from '../support/service-client.ts';
import { inboxPartitionOf } from '../../domain/inbox/inbox-partition.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { reconciliationScenes } from './reconciliation-scenes.ts';
import { subscriptionScenes } from './subscription-scenes.ts';
import { connectionScenes } from './connection-scenes.ts';

const startedFile = z.object({
  apiUrl: z.string(),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  token: z.string(),
  sandbox: z.object({
    stripe: z.object({ apiUrl: z.string(), controlUrl: z.string() }),
    square: z.object({ controlUrl: z.string() }),
    quickbooks: z.object({ controlUrl: z.string() }),
    mailchimp: z.object({ controlUrl: z.string() }),
  }),
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

const start = ({ venueId, connectionId }: Venue, direction: 'push' | 'pull', more: Partial<SyncOrder> = {}) =>
  api.start(venueId, { connectionId, direction, ...more });
const reachesWait = ({ venueId }: Venue, { id }: SyncBody, limitMs = 30_000) =>
  api.reached(venueId, id, {
    limitMs,
    what: 'waits in its workflow',
    when: ({ phase, waitingFor }) => phase === 'waiting' && waitingFor?.until != null,
  });
const end = ({ venueId }: Venue, { id }: SyncBody) => api.finished(venueId, id, 400_000);

/** A run that waits for a new key. */
async function parked(): Promise<{ venue: Venue; run: SyncBody }> {
  const venue = await aVenue(10);
  await venue.account.fault({ kind: 'revoke' });
  const run = await start(venue, 'push');
  await reachesWait(venue, run);
  return { venue, run };
}

/** A run that would archive 60 of 100 records. */
async function awaitingApproval(): Promise<{ venue: Venue; run: SyncBody }> {
  const venue = await aVenue(0);
  await venue.account.seed(100);
  await end(venue, await start(venue, 'pull'));
  const held = await venue.account.customers();
  await Promise.all(held.slice(0, 60).map(({ id }) => venue.account.call('DELETE', `customers/${id}`)));
  const run = await start(venue, 'pull');
  await api.reached(venue.venueId, run.id, {
    what: 'waits for approval',
    when: ({ phase }) => phase === 'awaiting-approval',
  });
  return { venue, run };
}

/** The workflow that the schedule of a venue's customers starts when it is triggered. */
async function scheduled({ venueId, connectionId }: Venue): Promise<Execution> {
  await api.tryPost(`/v1/venues/${venueId}/connections/${connectionId}/schedules/customers/trigger`, {});
  const { recentActions } = (await temporal.schedule.getHandle(scheduleId(connectionId, 'customers')).describe()).info;
  const { workflowId, firstExecutionRunId } = recentActions.at(-1)?.action.workflow ?? {
    workflowId: '',
    firstExecutionRunId: '',
  };
  return { workflowId, runId: firstExecutionRunId };
}

/** The workflow that a schedule of the service starts when it is triggered. */
async function triggered(id: string): Promise<Execution> {
  const handle = temporal.schedule.getHandle(id);
  await handle.trigger();
  const { recentActions } = (await handle.describe()).info;
  const { workflowId = '', firstExecutionRunId = '' } = recentActions.at(-1)?.action.workflow ?? {};
  return { workflowId, runId: firstExecutionRunId };
}

type Execution = Pick<SyncBody, 'workflowId' | 'runId'>;

/**
 * Each scene produces about one run and returns it under the name of its file; a run that continued as new has two
 * files.
 */
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
  async 'dry-run-completed'() {
    const venue = await aVenue(30);
    return { 'dry-run-completed': await end(venue, await start(venue, 'push', { dryRun: true })) };
  },
  async 'windowed-pull-completed'() {
    const venue = await aVenue(0);
    await venue.account.seed(300);
    return {
      'windowed-pull-completed': await end(
        venue,
        await start(venue, 'pull', { from: '2020-01-01T00:00:00Z', to: '2030-01-01T00:00:00Z' }),
      ),
    };
  },
  async 'incremental-pull-completed'() {
    const venue = await aVenue(0);
    await venue.account.seed(50);
    await end(venue, await start(venue, 'pull'));
    return { 'incremental-pull-completed': await end(venue, await start(venue, 'pull', { mode: 'incremental' })) };
  },
  async 'products-push-completed'() {
    const venue = await aVenue(0);
    const products = Array.from({ length: 20 }, (_, index) => ({
      sourceId: `p-${index}`,
      name: `Product ${index}`,
      active: true,
      amountMinor: 1_000 + index,
      currency: 'EUR',
    }));
    await api.load(venue.venueId, products, 'products');
    return { 'products-push-completed': await end(venue, await start(venue, 'push', { resource: 'products' })) };
  },
  async 'transactions-pull-completed'() {
    const venue = await aVenue(0);
    await venue.account.put(
      'charges',
      Array.from({ length: 50 }, (_, index) => ({ amount: 500 + index, currency: 'eur' })),
    );
    return {
      'transactions-pull-completed': await end(venue, await start(venue, 'pull', { resource: 'transactions' })),
    };
  },
  async 'completed-with-rejections'() {
    const venue = await aVenue(10);
    await api.load(venue.venueId, [{ sourceId: 'too-long', name: 'A name', phone: '+49 30 123456789012345 ext. 99' }]);
    return { 'completed-with-rejections': await end(venue, await start(venue, 'push')) };
  },
  async 'parked-and-woken'() {
    const { venue, run } = await parked();
    await venue.account.clearFaults();
    await api.connect(venue.venueId, venue.account.secretKey);
    return { 'parked-and-woken': await end(venue, run) };
  },
  async 'cancelled-while-parked'() {
    const { venue, run } = await parked();
    await api.cancel(venue.venueId, run.id);
    return { 'cancelled-while-parked': await end(venue, run) };
  },
  async 'woke-by-itself'() {
    const venue = await aVenue(10);
    await venue.account.fault({ kind: 'status', status: 503 });
    const run = await start(venue, 'push');
    await reachesWait(venue, run, 400_000);
    await venue.account.clearFaults();
    return { 'woke-by-itself': await end(venue, run) };
  },
  async approved() {
    const { venue, run } = await awaitingApproval();
    await api.tryPost(`/v1/venues/${venue.venueId}/syncs/${run.id}/approve`, {});
    return { approved: await end(venue, run) };
  },
  async 'approved-by-signal'() {
    const { venue, run } = await awaitingApproval();
    await temporal.workflow.getHandle(run.workflowId, run.runId ?? undefined).signal(APPROVE_SIGNAL);
    return { 'approved-by-signal': await end(venue, run) };
  },
  async 'cancelled-while-awaiting-approval'() {
    const { venue, run } = await awaitingApproval();
    await api.cancel(venue.venueId, run.id);
    return { 'cancelled-while-awaiting-approval': await end(venue, run) };
  },
  async retried() {
    const venue = await aVenue(0);
    await venue.account.seed(3_000);
    await venue.account.fault({ match: { path: '/v1/customers', nth: 8 }, kind: 'status', status: 400 });
    const failed = await end(venue, await start(venue, 'pull'));
    await venue.account.clearFaults();
    await api.tryPost(`/v1/venues/${venue.venueId}/syncs/${failed.id}/retry`, {});
    return { 'failed-before-its-retry': failed, retried: await end(venue, failed) };
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
  async 'rotate-vault-keys.completed'() {
    await aVenue(0);
    const { id } = (await api.tryPost('/v1/admin/keys/rotate', {})).body as { readonly id: JobId };
    return { 'rotate-vault-keys.completed': { workflowId: rotateVaultKeysWorkflowId(id), runId: null } };
  },
  async 'close-venue.closed'() {
    const { venueId } = await aVenue(20);
    await api.tryDelete(`/v1/venues/${venueId}`);
    const workflowId = closeVenueWorkflowId(venueId as VenueId);
    await temporal.workflow.getHandle(workflowId).result();
    return { 'close-venue.closed': { workflowId, runId: null } };
  },
  async 'remove-expired-rows.completed'() {
    return { 'remove-expired-rows.completed': await triggered(RETENTION_SCHEDULE_ID) };
  },
  async 'drain-inbox.completed'() {
    const square = oauthControl(started.sandbox.square.controlUrl);
    const account = (await square.addAccount()).id;
    const url = `${started.apiUrl}/webhooks/square`;
    await square.send('POST', '/emit', { url, account });
    const partition = inboxPartitionOf('square', `sandbox/${account}`);
    return { 'drain-inbox.completed': { workflowId: drainInboxWorkflowId(partition), runId: null } };
  },
  async 'sweep-inbox.completed'() {
    return { 'sweep-inbox.completed': await triggered(INBOX_SWEEP_SCHEDULE_ID) };
  },
  ...subscriptionScenes({
    post: async (path, body) => (await api.tryPost(path, body)).body,
    createVenue: () => api.createVenue(),
    connect: async (venueId) => api.connect(venueId, (await stripe.addAccount()).secretKey),
  }),
  async 'retry-dead-letters.completed'() {
    const venue = await aVenue(0);
    // Stripe refuses a phone number of more than 20 characters.
    await api.load(venue.venueId, [{ sourceId: 'c-0', phone: '0'.repeat(30) }]);
    await end(venue, await start(venue, 'push'));
    const letters = `/v1/venues/${venue.venueId}/dead-letters`;
    await api.tryPost(`${letters}/retry`, {});
    // The API answers before it has started the workflow.
    await until(
      async () => (await api.get<{ data: readonly object[] }>(`${letters}?state=retrying`)).data.length === 0,
      {
        limitMs: 30_000,
        what: 'the retry has ended',
      },
    );
    return {
      'retry-dead-letters.completed': {
        workflowId: retryDeadLettersWorkflowId(venue.venueId as VenueId),
        runId: null,
      },
    };
  },
  async 'sweep-dead-letters.completed'() {
    return { 'sweep-dead-letters.completed': await triggered(DEAD_LETTER_SWEEP_SCHEDULE_ID) };
  },
  async 'sweep-connections.completed'() {
    return { 'sweep-connections.completed': await triggered(CONNECTION_SWEEP_SCHEDULE_ID) };
  },
  async 'repair-gaps.completed'() {
    const { venueId, connectionId } = await aVenue(1);
    const ref = { venueId, connectionId } as ConnectionRef;
    const [, options] = gapRepair({ ...ref, provider: 'stripe' }, 'Stripe');
    await temporal.workflow.execute(REPAIR_GAPS, options);
    return { 'repair-gaps.completed': { workflowId: options.workflowId, runId: null } };
  },
  ...reconciliationScenes({ api, temporal, stripe }),
  ...connectionScenes({
    api,
    apiUrl: started.apiUrl,
    temporal,
    stripe,
    squareControlUrl: started.sandbox.square.controlUrl,
    quickbooksControlUrl: started.sandbox.quickbooks.controlUrl,
    stripeControlUrl: started.sandbox.stripe.controlUrl,
    mailchimpControlUrl: started.sandbox.mailchimp.controlUrl,
  }),
  async 'continued-as-new'() {
    const venue = await aVenue(4_800);
    const first = await start(venue, 'push');
    const run = await end(venue, first);
    const last = await until(
      async () => {
        const { runId } = await temporal.workflow.getHandle(run.workflowId).describe();
        return runId === first.runId ? null : runId;
      },
      { limitMs: 5_000, what: 'the run has continued as new: does the server suggest it early enough?' },
    );
    return { 'continued-as-new': { ...run, runId: first.runId }, continuation: { ...run, runId: last } };
  },
};

const fileOf = (name: string): URL =>
  new URL(
    `histories/${/^(scheduled-sync|reconcile-connection|repair-discrepancy|rotate-vault-keys|close-venue|remove-expired-rows|drain-inbox|process-webhook|sweep-inbox|retry-dead-letters|sweep-dead-letters|sweep-connections|repair-gaps|authorize-connection|keep-connection-fresh|test-connection|read-report|register-webhook|deliver-webhooks|test-subscription)\./.test(name) ? name : `sync-connection.${name}`}.json`,
    import.meta.url,
  );

async function record(name: string, { workflowId, runId }: Execution): Promise<void> {
  const handle = temporal.workflow.getHandle(workflowId, runId ?? undefined);
  // The run ends in the database a moment before its workflow closes.
  await until(async () => (await handle.describe()).status.name !== 'RUNNING', {
    limitMs: 10_000,
    what: 'the workflow has closed',
  });
  let file = fileOf(name);
  for (let number = 2; existsSync(file); number += 1) file = fileOf(`${name}.${number}`);
  writeFileSync(file, `${JSON.stringify(withoutMachine(toJson(await handle.fetchHistory())), null, 1)}\n`);
  process.stdout.write(`${name}: recorded\n`);
}

const toJson = (history: History): unknown => JSON.parse(historyToJSON(history));

/** Removes what identifies the machine: host names in identities and sticky queues, folders in stack traces. */
function withoutMachine(value: unknown): unknown {
  if (typeof value === 'string')
    return value
      .replaceAll(/(file:\/\/)?\/[^\s()]*?(?=\/node_modules\/)/g, '')
      .replaceAll(`file://${REPOSITORY}`, '')
      .replaceAll(REPOSITORY, '')
      .replaceAll(/\b\d+@[\w.-]+/g, 'recorded');
  if (Array.isArray(value)) return value.map(withoutMachine);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutMachine(item)]));
}

const wanted = process.argv.slice(2);
for (const [name, scene] of Object.entries(SCENES)) {
  if (wanted.length === 0 ? name === 'continued-as-new' || existsSync(fileOf(name)) : !wanted.includes(name)) continue;
  for (const [file, run] of Object.entries(await scene())) await record(file, run);
}
await connection.close();
