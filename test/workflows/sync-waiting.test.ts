import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncBody } from '../support/service-client.ts';
import { aSyncVenue, attributesOnce, closedAs, handleOf } from '../support/worlds/sync-venue.ts';
import type { SyncVenue } from '../support/worlds/sync-venue.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  // Slow enough for the test to intervene, at Stripe's usual latency.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '40' } });
  await system.stripe.limits({ requestsPerSecond: 0, latencyMs: 60 });
}, 120_000);
afterAll(() => system.stop());

const RECORDS = 150;

const atWork = ({ venueId }: SyncVenue, { id }: SyncBody, done = 30) =>
  system.api.reached(venueId, id, { what: 'is at work', when: ({ progress }) => progress.done >= done });
const waiting = ({ venueId }: SyncVenue, { id }: SyncBody) =>
  system.api.reached(venueId, id, {
    what: 'waits for an end that it names',
    when: ({ phase, waitingFor }) => phase === 'waiting' && waitingFor?.until != null,
  });
const retry = ({ venueId }: SyncVenue, { id }: SyncBody) =>
  system.api.tryPost(`/v1/venues/${venueId}/syncs/${id}/retry`, {});
const callsTo = async ({ account }: SyncVenue) => (await account.calls()).length;

describe('a run whose key Stripe revokes', () => {
  let venue: SyncVenue;
  let run: SyncBody;
  let parked: SyncBody;
  beforeEach(async () => {
    venue = await aSyncVenue(system, RECORDS);
    // In the middle of the run, however slow the machine is.
    await venue.account.fault({ kind: 'revoke', match: { method: 'POST', path: '/v1/customers', nth: 60 } });
    run = await system.api.start(venue.venueId, { connectionId: venue.connectionId, direction: 'push' });
    parked = await waiting(venue, run);
  }, 60_000);

  it('waits instead of failing, shows what it waits for and since when, and is on the operators’ list', async () => {
    expect(parked).toMatchObject({
      phase: 'waiting',
      waitingFor: { what: 'needs-reauth' },
      outcome: null,
      error: { code: 'needs-reauth' },
      finishedAt: null,
    });
    expect(parked.progress.done).toBeGreaterThanOrEqual(30);
    expect(await system.api.connection(venue.venueId, venue.connectionId)).toMatchObject({ state: 'needs-reauth' });
    expect(await attributesOnce(system, run, ({ Phase }) => Phase === 'waiting')).toMatchObject({
      ErrorType: 'NeedsReauth',
      NeedsAttention: true,
    });
    expect((await handleOf(system, run).describe()).status.name).toBe('RUNNING');
    const listed = async () => {
      const ids: string[] = [];
      const query = `NeedsAttention = true AND ConnectionId = "${venue.connectionId}"`;
      for await (const { workflowId } of system.temporal.workflow.list({ query })) ids.push(workflowId);
      return ids;
    };
    // Temporal lists a workflow by its search attributes some time after it has taken them.
    await expect.poll(listed, { timeout: 20_000 }).toEqual([run.workflowId]);
  });

  it('makes no provider call while it waits, not even when it checks whether it can go on', async () => {
    const before = await callsTo(venue);
    for (let looks = 1; looks <= 2; looks += 1) {
      const { waitingFor } = await system.api.run(venue.venueId, run.id);
      expect((await retry(venue, run)).status).toBe(202);
      const looked = await system.api.reached(venue.venueId, run.id, {
        what: 'has looked again',
        when: (now) => now.waitingFor?.until != null && now.waitingFor.until > (waitingFor?.until ?? ''),
      });
      expect(looked.waitingFor).toMatchObject({ what: 'needs-reauth', since: parked.waitingFor?.since });
    }
    expect(await callsTo(venue)).toBe(before);
  });

  it('resumes by itself in the same workflow once a key is entered, and writes every record once', async () => {
    const written = (await venue.account.writes()).length;
    await venue.account.clearFaults();
    expect(await system.api.connect(venue.venueId, venue.account.secretKey)).toMatchObject({
      id: venue.connectionId,
      state: 'active',
    });
    const ended = await system.api.finished(venue.venueId, run.id);
    expect(ended).toMatchObject({
      id: run.id,
      runId: parked.runId,
      outcome: 'completed',
      waitingFor: null,
      counts: { created: RECORDS },
    });
    expect(written).toBeLessThan(RECORDS);
    expect(await venue.account.writes()).toHaveLength(RECORDS);
    await closedAs(system, run, 'COMPLETED');
    const attributes = await attributesOnce(system, run, ({ Phase }) => Phase === 'finished');
    expect(attributes).toMatchObject({ NeedsAttention: false });
    expect(attributes, 'a run that went well carries no error').not.toHaveProperty('ErrorType');
  });

  const ways = [
    [
      'the API',
      async () => {
        expect((await system.api.cancel(venue.venueId, run.id)).status).toBe(202);
      },
    ],
    [
      'Temporal',
      async () => {
        await handleOf(system, run).cancel();
      },
    ],
  ] as const;

  it.each(ways)(
    'ends as cancelled at once when %s cancels it, makes no provider call, and can be retried later',
    async (_, cancel) => {
      const before = await callsTo(venue);
      await cancel();
      expect(await system.api.finished(venue.venueId, run.id, 20_000)).toMatchObject({
        outcome: 'cancelled',
        error: null,
        waitingFor: null,
      });
      await closedAs(system, run, 'CANCELLED');
      expect(await callsTo(venue)).toBe(before);

      await venue.account.clearFaults();
      await system.api.connect(venue.venueId, venue.account.secretKey);
      expect((await retry(venue, run)).status).toBe(202);
      expect(await system.api.finished(venue.venueId, run.id)).toMatchObject({
        id: run.id,
        outcome: 'completed',
        counts: { created: RECORDS },
      });
      expect(await venue.account.writes()).toHaveLength(RECORDS);
    },
  );
});

describe('a run that is retried', () => {
  /**
   * More pages than are requested at once after the first slow one, so that some are left when the run is told to stop.
   */
  const PAGES = 120;
  /** Number of reads of the list of customers, one per page. */
  const pagesRead = async ({ account }: SyncVenue) =>
    (await account.calls()).filter(({ method, path }) => method === 'GET' && path === '/v1/customers').length;

  async function aPull(): Promise<{ venue: SyncVenue; run: SyncBody }> {
    const venue = await aSyncVenue(system);
    await venue.account.seed(PAGES * 100);
    // Slows the provider down from here on, so that the run is stopped before it is done.
    await venue.account.fault({
      match: { method: 'GET', path: '/v1/customers', nth: 35 },
      kind: 'slow',
      delayMs: 2_000,
      times: 1_000,
    });
    return {
      venue,
      run: await system.api.start(venue.venueId, { connectionId: venue.connectionId, direction: 'pull' }),
    };
  }

  async function expectTheRestOnly(venue: SyncVenue, ended: SyncBody): Promise<void> {
    await venue.account.clearFaults();
    const before = await pagesRead(venue);
    expect(ended.progress.done).toBeGreaterThan(0);
    expect(ended.progress.done).toBeLessThan(PAGES * 100);
    const again = await retry(venue, ended);
    expect(again).toMatchObject({
      status: 202,
      body: { id: ended.id, finishedAt: null, progress: { done: ended.progress.done } },
    });
    const completed = await system.api.finished(venue.venueId, ended.id);
    expect(completed).toMatchObject({
      id: ended.id,
      outcome: 'completed',
      error: null,
      counts: { read: PAGES * 100, created: PAGES * 100 },
    });
    // A segment that was split ends in a page that is not full, so a few more pages are read than the records fill.
    const left = PAGES - Math.floor(ended.progress.done / 100);
    expect((await pagesRead(venue)) - before).toBeLessThan(left + PAGES / 3);
    expect((await pagesRead(venue)) - before).toBeLessThan(PAGES);
  }

  it('reads only what was not committed when it was cancelled', async () => {
    const { venue, run } = await aPull();
    await atWork(venue, run, 3_000);
    await system.api.cancel(venue.venueId, run.id);
    const ended = await system.api.finished(venue.venueId, run.id, 20_000);
    expect(ended.outcome).toBe('cancelled');
    await expectTheRestOnly(venue, ended);
  });

  it('reads only what was not committed when it failed, and no longer shows the failure', async () => {
    const { venue, run } = await aPull();
    await atWork(venue, run, 3_000);
    await venue.account.clearFaults();
    await venue.account.fault({ match: { path: '/v1/customers' }, kind: 'status', status: 400 });
    const ended = await system.api.finished(venue.venueId, run.id, 20_000);
    expect(ended).toMatchObject({ outcome: 'failed' });
    await attributesOnce(system, run, ({ Phase, NeedsAttention }) => Phase === 'finished' && NeedsAttention === true);
    await venue.account.clearFaults();
    await expectTheRestOnly(venue, ended);
    const now = await system.api.run(venue.venueId, run.id);
    expect(await attributesOnce(system, now, ({ Phase }) => Phase === 'finished')).toMatchObject({
      NeedsAttention: false,
    });
  });
});
