import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../support/eventually.ts';
import type { LiveEvent, SyncBody } from '../../support/service-client.ts';
import { startSystem } from '../../support/worlds/system.ts';
import type { System } from '../../support/worlds/system.ts';
import { aCustomer } from '../../support/worlds/sync-world.ts';

let system: System;
beforeAll(async () => {
  // Slow enough for the test to intervene twice, with a restart of the API between: 700 records take 28 seconds.
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '25' } });
}, 120_000);
afterAll(() => system.stop());

const RECORDS = 700;
const REJECTED_EVERY = 20;

async function aVenueWith(records: readonly object[]) {
  const [account, venueId] = await Promise.all([system.stripe.addAccount(), system.api.createVenue()]);
  const [{ id: connectionId }] = await Promise.all([
    system.api.connect(venueId, account.secretKey),
    system.api.load(venueId, records),
  ]);
  return { account, venueId, connectionId };
}

/** Counts connections of a follower that broke after they had sent something, and whether the current one has. */
interface Following {
  breaks: number;
  live: boolean;
}

/** Reads the live events as a browser does, and resumes after the last event when the connection breaks. */
async function follow(venueId: string, id: string, following: Following): Promise<readonly LiveEvent[]> {
  const events: LiveEvent[] = [];
  const deadline = performance.now() + 80_000;
  while (events.at(-1)?.event !== 'finished') {
    if (performance.now() > deadline)
      throw new Error(
        `the end was never told; the last of ${events.length} events is ${JSON.stringify(events.at(-1))}`,
      );
    let seen: readonly LiveEvent[] = [];
    try {
      await system.api.watch(venueId, id, {
        lastEventId: events.at(-1)?.id,
        enough: (soFar) => {
          seen = soFar;
          following.live = seen.length > 0;
          return false;
        },
      });
    } catch {
      await sleep(100);
    }
    if (seen.at(-1)?.event !== 'finished' && following.live) following.breaks += 1;
    following.live = false;
    events.push(...seen);
  }
  return events;
}

describe('the live events of a run', () => {
  it('arrive without loss or repetition although the API is killed twice', async () => {
    const tooLong = (index: number) => ({ ...aCustomer(index), phone: '+49 30 123456789012345 ext. 99' });
    const { venueId, connectionId } = await aVenueWith(
      Array.from({ length: RECORDS }, (_, index) => (index % REJECTED_EVERY === 0 ? tooLong(index) : aCustomer(index))),
    );
    const { id } = await system.api.start(venueId, { connectionId, direction: 'push' });
    const state: Following = { breaks: 0, live: false };
    const following = follow(venueId, id, state);
    const listening = () =>
      until(() => Promise.resolve(state.live), { limitMs: 20_000, what: 'the follower is told something' });
    const reached = (done: number) =>
      system.api.reached(venueId, id, { what: `has done ${done}`, when: ({ progress }) => progress.done >= done });
    await reached(40);
    await listening();
    await system.kill('api');
    await listening();
    await system.kill('api');
    const events = await following;
    expect(state.breaks).toBe(2);

    const whole = await system.api.watch(venueId, id);
    const told = (list: readonly LiveEvent[]) => list.filter(({ event }) => event !== 'progress');
    expect(told(events)).toEqual(told(whole));
    expect(events.filter(({ event }) => event === 'record-rejected')).toHaveLength(RECORDS / REJECTED_EVERY);
    const run = events.at(-1)?.data as unknown as SyncBody;
    expect(run).toMatchObject({
      id,
      outcome: 'completed-with-rejections',
      progress: { done: RECORDS, total: RECORDS },
    });
    const progress = events
      .filter(({ event }) => event === 'progress')
      .map(({ data }) => data['progress'] as SyncBody['progress']);
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((a, b) => a - b));
    expect(progress.every(({ total, done }) => total === null || total >= done)).toBe(true);
  }, 120_000);
});

describe('a cancelled run', () => {
  it('resumes from its last committed page when many retry it at once, and writes each record once', async () => {
    const { account, venueId, connectionId } = await aVenueWith(
      Array.from({ length: 80 }, (_, index) => aCustomer(index)),
    );
    const { id, runId } = await system.api.start(venueId, { connectionId, direction: 'push' });
    await system.api.reached(venueId, id, { what: 'is at work', when: ({ progress }) => progress.done >= 20 });
    await system.api.cancel(venueId, id);
    const cancelled = await system.api.finished(venueId, id);
    expect(cancelled).toMatchObject({ outcome: 'cancelled' });
    // Immediately, while the old workflow may still be closing.
    const answers = await Promise.all(
      [1, 2, 3].map(() => system.api.tryPost(`/v1/venues/${venueId}/syncs/${id}/retry`, {})),
    );
    expect(answers.some(({ status }) => status === 202)).toBe(true);
    for (const { status, body } of answers)
      if (status !== 202) expect({ status, body }).toMatchObject({ status: 409, body: { code: 'sync-running' } });
    const run = await system.api.finished(venueId, id);
    expect(run).toMatchObject({
      id,
      outcome: 'completed',
      error: null,
      progress: { done: 80 },
      counts: { created: 80 },
    });
    expect(run.runId).not.toBe(runId);
    expect(await account.writes()).toHaveLength(80);
    expect(await system.api.tryPost(`/v1/venues/${venueId}/syncs/${id}/retry`, {})).toMatchObject({
      status: 409,
      body: { code: 'sync-finished' },
    });
  });
});

describe('a plan', () => {
  it('is made without a write, and carried out exactly', async () => {
    const { account, venueId, connectionId } = await aVenueWith(
      Array.from({ length: 30 }, (_, index) => aCustomer(index)),
    );
    const order = { connectionId, resource: 'customers', direction: 'push', mode: 'full' };
    const dry = (await system.api.tryPost(`/v1/venues/${venueId}/syncs`, { ...order, dryRun: true })).body as SyncBody;
    expect(await system.api.finished(venueId, dry.id)).toMatchObject({
      dryRun: true,
      outcome: 'completed',
      plan: null,
    });
    expect(await account.writes()).toEqual([]);
    const { body: plan } = await system.api.ask(`/v1/venues/${venueId}/syncs/${dry.id}/plan`);
    expect(plan).toMatchObject({
      syncId: dry.id,
      counts: { create: 30, update: 0, archive: 0, skip: 0, reject: 0, conflict: 0 },
      estimate: { calls: 30 },
    });

    const run = await system.api.sync(venueId, { connectionId, direction: 'push' });
    expect(run).toMatchObject({ outcome: 'completed', counts: { created: 30 }, plan: { id: dry.id, deviations: 0 } });
    expect(await account.writes()).toHaveLength(30);
  });
});

describe('a run whose key is revoked', () => {
  it('waits, and resumes as soon as the key is entered again', async () => {
    const { account, venueId, connectionId } = await aVenueWith(
      Array.from({ length: 60 }, (_, index) => aCustomer(index)),
    );
    const { id } = await system.api.start(venueId, { connectionId, direction: 'push' });
    await system.api.reached(venueId, id, { what: 'is at work', when: ({ progress }) => progress.done >= 10 });
    await account.fault({ kind: 'revoke' });
    const waiting = await system.api.reached(venueId, id, { what: 'waits', when: ({ phase }) => phase === 'waiting' });
    expect(waiting).toMatchObject({ waitingFor: { what: 'needs-reauth' }, progress: { estimatedSecondsLeft: null } });
    const started = await system.api.tryPost(`/v1/venues/${venueId}/syncs`, {
      connectionId,
      resource: 'customers',
      direction: 'pull',
      mode: 'full',
    });
    expect(started).toMatchObject({ status: 409, body: { code: 'connection-not-active' } });

    await system.stripe.clearFaults();
    await system.api.connect(venueId, account.secretKey);
    expect(await system.api.finished(venueId, id)).toMatchObject({
      id,
      outcome: 'completed',
      counts: { created: 60 },
      waitingFor: null,
    });
    expect(await account.writes()).toHaveLength(60);
  });
});
