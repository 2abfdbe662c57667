import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FAILURE } from '../../contracts/failures.ts';
import { runNode } from '../runtime/support.ts';
import { until } from '../support/eventually.ts';
import type { SyncBody } from '../support/service-client.ts';
import { aSyncVenue, handleOf } from '../support/worlds/sync-venue.ts';
import type { SyncVenue } from '../support/worlds/sync-venue.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '200' } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

/** Runs the command that an operator runs. */
async function brake(rate: 'pause' | 'release' | '3'): Promise<string> {
  const env = { PATH: process.env['PATH'], DATABASE_URL: system.databaseUrl };
  const { code, stdout, stderr } = await runNode(
    ['runtime/setup.mjs', 'runtime/cli.ts', 'queue', '--provider', 'stripe', '--rate', rate],
    { env },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout;
}
afterEach(() => brake('release'));

const push = ({ venueId, connectionId }: SyncVenue, mode: 'full' | 'incremental' = 'full') =>
  system.api.start(venueId, { connectionId, direction: 'push', mode });

/** Waits for the run's chunk that is requested and held back. */
const heldChunk = (run: SyncBody) =>
  until(
    async () =>
      (await handleOf(system, run).describe()).raw.pendingActivities?.find(
        ({ lastFailure }) => lastFailure?.applicationFailureInfo?.type === FAILURE.heldBack,
      ) ?? null,
    { limitMs: 20_000, what: 'the chunk is held back', everyMs: 100 },
  );

describe('the operator’s brake on a provider', () => {
  it('stops what is queued for every venue; after its release all of it ends, with nothing lost or written twice', async () => {
    await brake('pause');
    const venues = await Promise.all([aSyncVenue(system, 20), aSyncVenue(system, 20)]);
    const runs = await Promise.all(venues.map((venue) => push(venue)));
    await Promise.all(runs.map(heldChunk));
    const quiet = await Promise.all(venues.map(async ({ account }) => (await account.calls()).length));
    await sleep(2_000);
    expect(await Promise.all(venues.map(async ({ account }) => (await account.calls()).length))).toEqual(quiet);
    await Promise.all(runs.map(heldChunk));

    await brake('release');
    for (const [index, venue] of venues.entries()) {
      expect(await system.api.finished(venue.venueId, runs[index]?.id ?? '')).toMatchObject({
        outcome: 'completed',
        counts: { created: 20 },
      });
      expect(await venue.account.writes()).toHaveLength(20);
    }
  });

  it('lets a run that it holds be cancelled', async () => {
    await brake('pause');
    const venue = await aSyncVenue(system, 5);
    const run = await push(venue);
    await heldChunk(run);
    await system.api.cancel(venue.venueId, run.id);
    expect(await system.api.finished(venue.venueId, run.id)).toMatchObject({
      outcome: 'cancelled',
      counts: { created: 0 },
    });
    expect(await venue.account.writes()).toEqual([]);
  });

  it('only slows when given a rate, shows the rate, and stays until it is released', async () => {
    const rates = async () =>
      (await system.database`select chunks_per_second as rate from provider_brakes`).map(({ rate }) => Number(rate));
    expect(await brake('3')).toBe('chunks of syncs of stripe begin at 3 a second\n');
    expect(await rates()).toEqual([3]);
    const venue = await aSyncVenue(system, 5);
    expect(await system.api.finished(venue.venueId, (await push(venue)).id)).toMatchObject({
      outcome: 'completed',
      counts: { created: 5 },
    });
    await brake('release');
    expect(await rates()).toEqual([]);
  });
});
