import type { WorkflowExecutionDescription } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import type { scheduleAnswer } from '../../api/schemas/schedule.ts';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import { SYNC_CONNECTION, scheduleId, syncWorkflowId } from '../../contracts/sync.ts';
import type { ScheduledSyncResult } from '../../contracts/sync.ts';
import { until } from '../support/eventually.ts';
import type { SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

type ScheduleBody = z.output<typeof scheduleAnswer>;
type ScheduledRun = ScheduleBody['lastRuns'][number];

interface Venue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

let system: System;
beforeAll(async () => {
  // Slow enough for the test to intervene during a run.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '10' } });
}, 120_000);
afterAll(() => system.stop());

async function aVenue(customersAtStripe = 3): Promise<Venue> {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  if (customersAtStripe > 0) await account.seed(customersAtStripe);
  return { venueId, connectionId: (await system.api.connect(venueId, account.secretKey)).id, account };
}

/** Enough records that a pull takes some seconds at ten calls a second. */
const MANY = 4_000;
const LIMIT_MS = 40_000;

const pathOf = ({ venueId, connectionId }: Venue) =>
  `/v1/venues/${venueId}/connections/${connectionId}/schedules/customers`;
const schedule = async (venue: Venue) => (await system.api.ask(pathOf(venue))).body as ScheduleBody;
const trigger = async (venue: Venue) => {
  expect((await system.api.tryPost(`${pathOf(venue)}/trigger`, {})).status).toBe(202);
};
const runsOf = async ({ venueId }: Venue) =>
  ((await system.api.ask(`/v1/venues/${venueId}/syncs`)).body as { readonly data: readonly SyncBody[] }).data;
const handleOf = ({ connectionId }: Venue) => system.temporal.schedule.getHandle(scheduleId(connectionId, 'customers'));

/** The schedule's newest run for which `when` holds. */
const lastRun = (venue: Venue, when: (run: ScheduledRun) => boolean): Promise<ScheduledRun> =>
  until(async () => (await schedule(venue)).lastRuns.find(when) ?? null, {
    limitMs: LIMIT_MS,
    what: 'the schedule shows such a run',
    everyMs: 100,
  });

async function opened(venue: Venue): Promise<string> {
  const { syncId } = await lastRun(venue, (run) => run.syncId !== null);
  return syncId ?? '';
}

const atWork = ({ venueId }: Venue, syncId: string) =>
  system.api.reached(venueId, syncId, { what: 'is at work', when: ({ progress }) => progress.done > 0 });

/** The workflow that the schedule started last. */
async function workflowOf(venue: Venue) {
  const { info } = await handleOf(venue).describe();
  const last = info.recentActions.at(-1)?.action.workflow;
  if (!last) throw new Error('the schedule has started nothing');
  return system.temporal.workflow.getHandle(last.workflowId, last.firstExecutionRunId);
}
const resultOf = async (venue: Venue) => (await (await workflowOf(venue)).result()) as ScheduledSyncResult;

/** Starts a workflow under the id of the venue's sync that no worker runs. */
const occupy = ({ venueId, connectionId }: Venue) => {
  const workflowId = syncWorkflowId({
    venueId: venueId as VenueId,
    connectionId: connectionId as ConnectionId,
    resource: 'customers',
    direction: 'pull',
  });
  return system.temporal.workflow.start(SYNC_CONNECTION, { workflowId, taskQueue: 'nobody' });
};

const shown = async (description: WorkflowExecutionDescription) => ({
  summary: await description.staticSummary(),
  memo: description.memo,
  priority: { ...description.priority },
  attributes: Object.fromEntries(description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value])),
});

describe('a schedule that comes due', () => {
  it('opens a run by itself, the first one full, which ends like any other and is listed among the syncs', async () => {
    const venue = await aVenue();
    await handleOf(venue).update((previous) => ({ ...previous, spec: { intervals: [{ every: '1 second' }] } }));
    const syncId = await opened(venue);
    await handleOf(venue).pause();
    const run = await system.api.finished(venue.venueId, syncId);
    expect(run).toMatchObject({
      resource: 'customers',
      direction: 'pull',
      mode: 'full',
      dryRun: false,
      outcome: 'completed',
      counts: { created: 3 },
    });
    expect((await runsOf(venue)).map(({ id }) => id)).toContain(syncId);
    expect(await system.api.customers(venue.venueId)).toHaveLength(3);
  });

  it('starts no second run during one: what comes due meanwhile is skipped', async () => {
    const venue = await aVenue(MANY);
    await trigger(venue);
    const syncId = await opened(venue);
    await handleOf(venue).update((previous) => ({ ...previous, spec: { intervals: [{ every: '1 second' }] } }));
    await until(async () => (await handleOf(venue).describe()).info.numActionsSkippedOverlap >= 2, {
      limitMs: LIMIT_MS,
      what: 'two were skipped',
      everyMs: 200,
    });
    expect((await runsOf(venue)).map(({ id, finishedAt }) => [id, finishedAt])).toEqual([[syncId, null]]);
    await handleOf(venue).pause();
    await system.api.cancel(venue.venueId, syncId);
    expect(await resultOf(venue)).toEqual({ syncId, skipped: null, outcome: 'cancelled', errorType: null });
  });

  it('looks in the Web UI like a run that the API started', async () => {
    const venue = await aVenue();
    await trigger(venue);
    const run = await system.api.finished(venue.venueId, await opened(venue));
    await resultOf(venue);
    const scheduled = await shown(await system.temporal.workflow.getHandle(run.workflowId).describe());
    const asked = await system.api.sync(venue.venueId, {
      connectionId: venue.connectionId,
      direction: 'pull',
      mode: 'full',
    });
    // The workflow closes a moment after the run has ended.
    await system.temporal.workflow.getHandle(asked.workflowId).result();
    const started = await shown(await system.temporal.workflow.getHandle(asked.workflowId).describe());
    expect(asked.workflowId).toBe(run.workflowId);
    expect(scheduled).toEqual({ ...started, memo: { syncId: run.id } });
    expect(started.memo).toEqual({ syncId: asked.id });
    expect(scheduled.summary).toBe('Stripe → venue: customers, full');
    expect(scheduled.priority).toMatchObject({ fairnessKey: venue.venueId, priorityKey: 4 });
    await trigger(venue);
    const next = await system.api.finished(
      venue.venueId,
      (await lastRun(venue, ({ syncId }) => syncId !== null && syncId !== run.id)).syncId ?? '',
    );
    expect(next.mode).toBe('incremental');
    const incremental = await shown(await system.temporal.workflow.getHandle(next.workflowId).describe());
    expect(incremental).toMatchObject({
      summary: 'Stripe → venue: customers, incremental',
      priority: { fairnessKey: venue.venueId, priorityKey: 3 },
    });
  });

  it('skips when a run of the same sync that somebody else started is open, and says so', async () => {
    const venue = await aVenue(MANY);
    const run = await system.api.start(venue.venueId, { connectionId: venue.connectionId, direction: 'pull' });
    await atWork(venue, run.id);
    await trigger(venue);
    expect(await lastRun(venue, ({ skipped }) => skipped !== null)).toMatchObject({
      syncId: null,
      skipped: 'already-running',
    });
    expect(await resultOf(venue)).toEqual({ syncId: null, skipped: 'already-running', outcome: null, errorType: null });
    expect(await runsOf(venue)).toHaveLength(1);
    await system.api.cancel(venue.venueId, run.id);
  });

  it('skips on a connection that is not active, and makes no provider call', async () => {
    const venue = await aVenue();
    await system.database`update connections set state = 'suspended' where id = ${venue.connectionId}`;
    const before = (await venue.account.calls()).length;
    await trigger(venue);
    expect(await lastRun(venue, ({ skipped }) => skipped !== null)).toMatchObject({
      syncId: null,
      skipped: 'connection-not-active',
    });
    expect(await runsOf(venue)).toEqual([]);
    expect((await venue.account.calls()).length).toBe(before);
  });

  it('reads no other venue’s connection', async () => {
    const [one, other] = await Promise.all([aVenue(2), aVenue(5)]);
    await Promise.all([trigger(one), trigger(other)]);
    const ids = await Promise.all([opened(one), opened(other)]);
    await Promise.all([system.api.finished(one.venueId, ids[0]), system.api.finished(other.venueId, ids[1])]);
    expect((await runsOf(one)).map(({ id }) => id)).toEqual([ids[0]]);
    expect((await runsOf(other)).map(({ id }) => id)).toEqual([ids[1]]);
    expect((await schedule(other)).lastRuns.map(({ syncId }) => syncId)).toEqual([ids[1]]);
    expect(await system.api.customers(one.venueId)).toHaveLength(2);
  });
});

describe('the workflow of a schedule', () => {
  it.each(['cancel', 'terminate'] as const)('leaves the run alone when an operator ends it: %s', async (how) => {
    const venue = await aVenue(MANY);
    await trigger(venue);
    const syncId = await opened(venue);
    await atWork(venue, syncId);
    const workflow = await workflowOf(venue);
    await workflow[how]();
    await until(
      async () => (await workflow.describe()).status.name === (how === 'cancel' ? 'CANCELLED' : 'TERMINATED'),
      { limitMs: LIMIT_MS, what: 'it has ended' },
    );
    const run = await system.api.run(venue.venueId, syncId);
    expect(run.finishedAt).toBeNull();
    expect((await system.temporal.workflow.getHandle(run.workflowId).describe()).status.name).toBe('RUNNING');
    // The schedule knows of no open run; the run itself prevents a second one.
    await trigger(venue);
    expect(await lastRun(venue, ({ skipped }) => skipped !== null)).toMatchObject({ skipped: 'already-running' });
    await system.api.cancel(venue.venueId, syncId);
    expect((await system.api.finished(venue.venueId, syncId)).outcome).toBe('cancelled');
  });

  it('waits for an earlier run’s workflow that is just closing', async () => {
    const venue = await aVenue();
    const earlier = await occupy(venue);
    await trigger(venue);
    const syncId = await opened(venue);
    await earlier.terminate('a test');
    expect((await system.api.finished(venue.venueId, syncId)).outcome).toBe('completed');
    expect(await resultOf(venue)).toMatchObject({ syncId, outcome: 'completed' });
  });

  it('gives up when another workflow keeps running, and the next tick takes over the run that was opened', async () => {
    const venue = await aVenue();
    const other = await occupy(venue);
    await trigger(venue);
    const syncId = await opened(venue);
    expect(await resultOf(venue)).toMatchObject({ syncId: null, skipped: 'already-running' });
    await other.terminate('a test');
    await trigger(venue);
    expect(await resultOf(venue)).toMatchObject({ syncId, outcome: 'completed' });
    expect((await runsOf(venue)).map(({ id, outcome }) => [id, outcome])).toEqual([[syncId, 'completed']]);
  });

  it('completes when the run fails, and tells how it failed', async () => {
    const venue = await aVenue(MANY);
    await trigger(venue);
    const syncId = await opened(venue);
    const { workflowId } = await atWork(venue, syncId);
    // Deletes the run under its workflow, because no provider error would end it this fast.
    await system.database`delete from sync_runs where id = ${syncId}`;
    const result = await resultOf(venue);
    expect(result).toMatchObject({ syncId, skipped: null, outcome: 'failed' });
    expect(result.errorType).toMatch(/^(Superseded|SyncRunUnavailable)$/);
    expect((await (await workflowOf(venue)).describe()).status.name).toBe('COMPLETED');
    expect((await system.temporal.workflow.getHandle(workflowId).describe()).status.name).toBe('FAILED');
  });

  it('costs few events: one activity, one child, four workflow tasks', async () => {
    const venue = await aVenue();
    await trigger(venue);
    await system.api.finished(venue.venueId, await opened(venue));
    await resultOf(venue);
    const { events } = await (await workflowOf(venue)).fetchHistory();
    expect(events?.length).toBeLessThanOrEqual(21);
  });
});
