import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setProviderRate } from '../../runtime/provider-brake.ts';
import { until } from '../support/eventually.ts';
import type { SyncBody } from '../support/service-client.ts';
import { aSyncVenue, handleOf } from '../support/sync-venue.ts';
import type { SyncVenue } from '../support/sync-venue.ts';
import { startSystem } from '../support/system.ts';
import type { System } from '../support/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '200' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

const brake = (perSecond: number | null) => setProviderRate(system.temporal, { provider: 'stripe', perSecond, reason: 'a test' });
afterEach(() => brake(null));

const push = ({ venueId, connectionId }: SyncVenue, mode: 'full' | 'incremental' = 'full') => system.api.start(venueId, { connectionId, direction: 'push', mode });

/** The chunk of a run that has been asked for and not begun. */
const queuedChunk = (run: SyncBody) =>
  until(async () => (await handleOf(system, run).describe()).raw.pendingActivities?.find(({ activityType, lastStartedTime }) => activityType?.name === 'syncChunk' && lastStartedTime == null) ?? null, { limitMs: 20_000, what: 'the chunk is queued', everyMs: 100 });

describe('the operator’s brake on a provider', () => {
  it('stops what is queued, of every venue, and released lets all of it end: nothing is lost, nothing written twice', async () => {
    await brake(0);
    const venues = await Promise.all([aSyncVenue(system, 20), aSyncVenue(system, 20)]);
    const runs = await Promise.all(venues.map((venue) => push(venue)));
    await Promise.all(runs.map(queuedChunk));
    const quiet = await Promise.all(venues.map(async ({ account }) => (await account.calls()).length));
    await sleep(2_000);
    expect(await Promise.all(venues.map(async ({ account }) => (await account.calls()).length))).toEqual(quiet);
    await Promise.all(runs.map(queuedChunk));

    await brake(null);
    for (const [index, venue] of venues.entries()) {
      expect(await system.api.finished(venue.venueId, runs[index]?.id ?? '')).toMatchObject({ outcome: 'completed', counts: { created: 20 } });
      expect(await venue.account.writes()).toHaveLength(20);
    }
  });

  it('lets a run be cancelled that it holds', async () => {
    await brake(0);
    const venue = await aSyncVenue(system, 5);
    const run = await push(venue);
    await queuedChunk(run);
    await system.api.cancel(venue.venueId, run.id);
    expect(await system.api.finished(venue.venueId, run.id)).toMatchObject({ outcome: 'cancelled', counts: { created: 0 } });
    expect(await venue.account.writes()).toEqual([]);
  });
});
