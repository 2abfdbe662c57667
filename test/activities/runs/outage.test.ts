import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let venue: TestVenue;
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0 });
  venue = await world.aVenue();
});

const attempt = (number: number) =>
  new MockActivityEnvironment({ attempt: number }, { logger: createTemporalLogger(world.deps.log) });

describe('a provider that does not answer', () => {
  it.each([{ status: 503 }, { status: 200, kind: 'html' }])(
    'once, after many attempts that ended for other reasons, is retried soon: %o',
    async (fault) => {
      await world.stripe.seed({ resource: 'customers', count: 300 });
      // Of a page: the first calls go out together, and a run does not need the count.
      await world.stripe.fault({ match: { path: '/v1/customers$' }, kind: 'status', times: 1, ...fault });
      const input = await world.open(venue, 'pull', 'full');
      await world.begin(input);
      await expect(world.chunk(input, attempt(12))).rejects.toMatchObject({
        nonRetryable: false,
        nextRetryDelay: 1_000,
      });
      expect(await world.chunk(input, attempt(13))).toMatchObject({ status: 'done' });
    },
  );

  it.each(['push', 'pull'] as const)(
    'is retried after growing pauses, and after eight attempts of a %s left to the workflow',
    async (direction) => {
      await world.load(venue, 30);
      await world.stripe.seed({ resource: 'customers', count: 300 });
      await world.stripe.fault({ kind: 'status', status: 503 });
      const input = await world.open(venue, direction, 'full');
      await world.begin(input);
      for (const pauseS of [1, 2, 4, 8, 16, 32, 64]) {
        await expect(world.chunk(input)).rejects.toMatchObject({
          type: FAILURE.unavailable,
          nonRetryable: false,
          nextRetryDelay: pauseS * 1_000,
        });
      }
      await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable, nonRetryable: true });
    },
  );

  it.each(['push', 'pull'] as const)(
    'is retried soon after a %s attempt with progress, however many came before',
    async (direction) => {
      await world.load(venue, 60);
      await world.stripe.seed({ resource: 'customers', count: 2_000 });
      await world.stripe.fault({ match: { path: '/v1/customers$', nth: 15 }, kind: 'status', status: 503 });
      const input = await world.open(venue, direction, 'full');
      await world.begin(input);
      await expect(world.chunk(input, attempt(8))).rejects.toMatchObject({
        type: FAILURE.unavailable,
        nonRetryable: false,
        nextRetryDelay: 1_000,
      });
    },
  );
});
