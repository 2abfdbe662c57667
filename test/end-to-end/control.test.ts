import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/eventually.ts';
import { textOf } from '../support/history.ts';
import type { LiveEvent, SyncBody } from '../support/service-client.ts';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { aCustomer } from '../support/worlds/sync-world.ts';
import { startStopwatch } from '../support/stopwatch.ts';

let system: System;
beforeAll(async () => {
  // Slow enough for the test to intervene, at Stripe's usual latency: 240 records take six seconds.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '40' } });
  await system.stripe.limits({ requestsPerSecond: 0, latencyMs: 60 });
}, 120_000);
afterAll(() => system.stop());

const RECORDS = 240;
/** A key that is revoked in the middle of a push, however slow the machine is. */
const REVOKED_MEANWHILE = { kind: 'revoke', match: { method: 'POST', path: '/v1/customers', nth: 60 } } as const;

interface PushingVenue {
  readonly venueId: string;
  readonly connectionId: string;
  readonly account: StripeAccount;
}

async function aVenueWith(records: readonly object[]): Promise<PushingVenue> {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  const [{ id: connectionId }] = await Promise.all([
    system.api.connect(venueId, account.secretKey),
    system.api.load(venueId, records),
  ]);
  return { venueId, connectionId, account };
}

const customers = (count: number) => Array.from({ length: count }, (_, index) => aCustomer(index));
const aPushingVenue = () => aVenueWith(customers(RECORDS));
const push = ({ venueId, connectionId }: PushingVenue) =>
  system.api.start(venueId, { connectionId, direction: 'push' });
const atWork = ({ venueId }: PushingVenue, { id }: SyncBody) =>
  system.api.reached(venueId, id, { what: 'is at work', when: ({ progress }) => progress.done >= 30 });
const handleOf = ({ workflowId, runId }: SyncBody) =>
  system.temporal.workflow.getHandle(workflowId, runId ?? undefined);
const attributesOf = ({ typedSearchAttributes }: WorkflowExecutionDescription) =>
  Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
const sum = ({ counts }: SyncBody) => counts.created + counts.updated + counts.unchanged + counts.rejected;
const sourceIdsAt = async ({ account }: PushingVenue) =>
  (await account.customers()).map(({ metadata }) => metadata['interlock_source_id']).sort();

/**
 * Resets the workflow to its first workflow task, as an operator does in the Web UI. Returns the id of the new workflow
 * run.
 */
async function reset({ workflowId, runId }: SyncBody): Promise<string> {
  const execution = { workflowId, runId };
  const { events } = await handleOf({ workflowId, runId } as SyncBody).fetchHistory();
  const first = events?.find(
    ({ workflowTaskCompletedEventAttributes }) => workflowTaskCompletedEventAttributes != null,
  );
  const { namespace } = system.temporal.options;
  const answer = await system.temporal.workflowService.resetWorkflowExecution({
    namespace,
    workflowExecution: execution,
    reason: 'a test',
    requestId: randomUUID(),
    workflowTaskFinishEventId: first?.eventId ?? null,
  });
  return answer.runId;
}

/** Waits until `runId` of the run's workflow has completed, and returns the run. */
async function afterReset(venue: PushingVenue, run: SyncBody, runId: string): Promise<SyncBody> {
  await system.temporal.workflow.getHandle(run.workflowId, runId).result();
  const after = await system.api.run(venue.venueId, run.id);
  expect(after, 'points to the workflow run that the reset made').toMatchObject({ runId });
  return after;
}

async function expectEachOnce(venue: PushingVenue, run: SyncBody): Promise<void> {
  expect(run).toMatchObject({
    outcome: 'completed',
    error: null,
    phase: 'finished',
    progress: { done: RECORDS, total: RECORDS },
    counts: { read: RECORDS },
  });
  expect(sum(run)).toBe(RECORDS);
  expect(await sourceIdsAt(venue)).toEqual(
    customers(RECORDS)
      .map(({ sourceId }) => sourceId)
      .sort(),
  );
  expect(await venue.account.writes()).toHaveLength(RECORDS);
}

it('a running sync shows an operator in the Temporal Web UI where it stands, by the names and lines of our source', async () => {
  const venue = await aPushingVenue();
  const run = await push(venue);
  await atWork(venue, run);
  expect(await handleOf(run).query<string>('__stack_trace')).toMatch(
    /syncConnection.*workflows\/syncs\/sync-connection\.ts:\d+/,
  );
  await system.api.cancel(venue.venueId, run.id);
});

describe('a run that is asked to stop', () => {
  const ways = [
    [
      'the API',
      async ({ venueId }: PushingVenue, run: SyncBody) => {
        expect((await system.api.cancel(venueId, run.id)).status).toBeLessThan(300);
      },
    ],
    [
      'Temporal',
      async (_: PushingVenue, run: SyncBody) => {
        await handleOf(run).cancel();
      },
    ],
  ] as const;

  it.each(ways)(
    'by %s ends as cancelled within seconds, writes nothing after that, and is completed by a reset from its last committed page',
    async (_, cancel) => {
      const venue = await aPushingVenue();
      const run = await push(venue);
      await atWork(venue, run);
      const elapsedMs = startStopwatch();
      await cancel(venue, run);
      const ended = await system.api.finished(venue.venueId, run.id);
      expect(elapsedMs()).toBeLessThan(8_000);
      expect(ended).toMatchObject({ outcome: 'cancelled', phase: 'finished', error: null });
      expect(ended.counts.created).toBeLessThan(RECORDS);
      await until(async () => (await handleOf(run).describe()).status.name === 'CANCELLED', {
        limitMs: 30_000,
        what: 'the workflow is cancelled',
      });

      const written = (await venue.account.writes()).length;
      expect(written).toBe(ended.counts.created);
      await sleep(1_500);
      expect(await venue.account.writes()).toHaveLength(written);

      await expectEachOnce(venue, await afterReset(venue, run, await reset(ended)));
    },
  );

  it('twice is stopped once, and one that is over answers that', async () => {
    const venue = await aPushingVenue();
    const run = await push(venue);
    // A run that has not begun ends before the second request looks at it.
    await atWork(venue, run);
    const answers = await Promise.all([
      system.api.cancel(venue.venueId, run.id),
      system.api.cancel(venue.venueId, run.id),
    ]);
    expect(answers.every(({ status }) => status < 300)).toBe(true);
    expect(await system.api.finished(venue.venueId, run.id, 30_000)).toMatchObject({ outcome: 'cancelled' });
    expect(await system.api.cancel(venue.venueId, run.id)).toMatchObject({
      status: 409,
      body: { code: 'sync-finished' },
    });
  });
});

describe('a key that Stripe revokes during a run', () => {
  it('makes the run wait and ask for attention; once a key is entered again, that run and a new sync complete', async () => {
    const venue = await aPushingVenue();
    const { venueId, connectionId, account } = venue;
    await account.fault(REVOKED_MEANWHILE);
    const run = await push(venue);
    const waiting = await system.api.reached(venueId, run.id, {
      what: 'waits',
      when: ({ phase, waitingFor }) => phase === 'waiting' && waitingFor?.until != null,
    });
    expect(waiting).toMatchObject({ waitingFor: { what: 'needs-reauth' }, outcome: null, finishedAt: null });
    const refused = await system.api.connection(venueId, connectionId);
    expect(refused).toMatchObject({ state: 'needs-reauth' });
    expect(refused.nextAction).not.toBe('');
    const attributes = await until(
      async () => {
        const shown = attributesOf(await handleOf(run).describe());
        return shown['Phase'] === 'waiting' ? shown : null;
      },
      { limitMs: 30_000, what: 'the workflow waits' },
    );
    expect(attributes).toMatchObject({ NeedsAttention: true, ErrorType: 'NeedsReauth' });
    const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full' };
    expect(await system.api.tryPost(`/v1/venues/${venueId}/syncs`, order)).toMatchObject({
      status: 409,
      body: { code: 'connection-not-active' },
    });

    await account.clearFaults();
    expect(await system.api.connect(venueId, account.secretKey)).toMatchObject({ id: connectionId, state: 'active' });
    await expectEachOnce(venue, await system.api.finished(venueId, run.id));
    expect(await system.api.sync(venueId, { connectionId, direction: 'push' })).toMatchObject({
      outcome: 'completed',
      counts: { unchanged: RECORDS },
    });
  });
});

describe('a run that waits for a key', () => {
  it('goes on with the new key of its connection, and waits on after one of another account', async () => {
    const venue = await aPushingVenue();
    const { venueId, connectionId, account } = venue;
    await account.fault(REVOKED_MEANWHILE);
    const run = await push(venue);
    const isWaiting = { what: 'waits', when: ({ phase }: SyncBody) => phase === 'waiting' };
    await system.api.reached(venueId, run.id, isWaiting);
    await account.clearFaults();
    const path = `/v1/venues/${venueId}/connections/${connectionId}`;
    const replace = (secretKey: string) => system.api.tryPatch(path, { credentials: { secretKey } });
    const other = await system.stripe.addAccount();
    expect(await replace(other.secretKey)).toMatchObject({ status: 409, body: { code: 'wrong-account' } });
    expect(await system.api.connection(venueId, connectionId)).toMatchObject({ state: 'needs-reauth' });
    expect(await system.api.run(venueId, run.id)).toMatchObject({ phase: 'waiting' });

    expect(await replace(account.secretKey)).toMatchObject({
      status: 200,
      body: { id: connectionId, state: 'active' },
    });
    await expectEachOnce(venue, await system.api.finished(venueId, run.id));
    expect(await other.writes()).toEqual([]);
  });
});

describe('a run as its watchers see it', () => {
  it('is joined by a second start and streamed live from start to end, without loss when the connection breaks', async () => {
    const tooLong = (index: number) => ({ ...aCustomer(index), phone: '+49 30 123456789012345 ext. 99' });
    const venue = await aVenueWith(
      customers(150).map((record, index) => (index % 30 === 29 ? tooLong(index) : record)),
    );
    const { venueId, connectionId } = venue;
    const order = { connectionId, direction: 'push' } as const;
    const started = await Promise.all(Array.from({ length: 4 }, () => system.api.order(venueId, order)));
    expect(started.map(({ status }) => status).sort()).toEqual([200, 200, 200, 202]);
    const ids = new Set(started.map(({ run }) => run.id));
    expect(ids.size).toBe(1);
    const [id = ''] = ids;
    // A pull of the same connection is a sync of its own.
    expect((await system.api.order(venueId, { connectionId, direction: 'pull' })).status).toBe(202);

    const uncut = system.api.watch(venueId, id);
    const pieces: LiveEvent[] = [];
    for (let count = 1; pieces.at(-1)?.event !== 'finished' && count < 100; count += 2) {
      const piece = await system.api.watch(venueId, id, {
        lastEventId: pieces.at(-1)?.id,
        enough: (events) => events.length >= count,
      });
      pieces.push(...piece.slice(0, count));
    }
    const whole = await uncut;
    const told = (events: readonly LiveEvent[]) => events.filter(({ event }) => event !== 'progress');
    expect(told(pieces)).toEqual(told(whole));
    expect(whole.filter(({ event }) => event === 'phase').map(({ data }) => data['phase'])).toEqual([
      'queued',
      'estimating',
      'running',
      'finished',
    ]);
    expect(whole.filter(({ event }) => event === 'record-rejected')).toHaveLength(5);
    expect(new Set(whole.map((event) => event.id)).size).toBe(whole.length);
    const done = whole
      .filter(({ event }) => event === 'progress')
      .map(({ data }) => (data as Pick<SyncBody, 'progress'>).progress.done);
    expect(done.length).toBeGreaterThan(3);
    expect(done).toEqual([...done].sort((a, b) => a - b));
    expect(whole.at(-1)).toMatchObject({
      event: 'finished',
      data: { id, outcome: 'completed-with-rejections', progress: { done: 150, total: 150 } },
    });
  });

  it('is readable for an operator: summary, current details with progress, search attributes', async () => {
    const venue = await aPushingVenue();
    const run = await push(venue);
    await atWork(venue, run);
    const handle = handleOf(run);
    const [description, details] = await Promise.all([handle.describe(), handle.query('__temporal_workflow_metadata')]);
    expect(await description.staticSummary()).toBe('venue → Stripe: customers, full');
    expect(textOf(details)).toContain(`| done | `);
    const attributes = {
      VenueId: venue.venueId,
      Provider: 'stripe',
      ConnectionId: venue.connectionId,
      Resource: 'customers',
      Direction: 'push',
    };
    expect(attributesOf(description)).toMatchObject({ ...attributes, Phase: 'running', NeedsAttention: false });
    await system.api.finished(venue.venueId, run.id);
    await handle.result();
    expect(attributesOf(await handle.describe())).toMatchObject({
      ...attributes,
      Phase: 'finished',
      NeedsAttention: false,
    });
    expect(textOf(await handle.query('__temporal_workflow_metadata'))).toContain(`| done | ${RECORDS} of ${RECORDS} |`);
    const { events } = await handle.fetchHistory();
    const summaries = (events ?? []).flatMap(({ userMetadata }) =>
      userMetadata?.summary ? [textOf(userMetadata.summary.data).trim()] : [],
    );
    expect(summaries).toEqual(expect.arrayContaining(['"Plan the run"', '"push customers"', '"Close the run: done"']));
    const found = async () => {
      const ids: string[] = [];
      const query = `VenueId = "${venue.venueId}" AND Phase = "finished"`;
      for await (const { workflowId } of system.temporal.workflow.list({ query })) ids.push(workflowId);
      return ids;
    };
    // Temporal lists a workflow by its search attributes some time after it has taken them.
    await expect.poll(found, { timeout: 20_000 }).toEqual([run.workflowId]);
  });
});
