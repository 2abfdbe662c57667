import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { ConcurrencyLease, Providers } from '../../../providers/providers.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a chunk whose lease cannot be released', () => {
  let world: World;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const unreleased = (lease: ConcurrencyLease): ConcurrencyLease => ({
    get slots() {
      return lease.slots;
    },
    renew: () => lease.renew(),
    release: () =>
      Promise.reject(Object.assign(new Error('write CONNECTION_ENDED 127.0.0.1:5432'), { code: 'CONNECTION_ENDED' })),
  });
  const chunk = (input: SyncConnectionInput) => {
    const providers: Providers = {
      ...world.deps.providers,
      lease: async (...request) => unreleased(await world.deps.providers.lease(...request)),
    };
    return world.aStage().run(createSyncChunkActivities({ ...world.deps, providers }).syncChunk, input);
  };
  const begun = async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    return input;
  };

  it('still succeeds', async () => {
    await world.stripe.seed({ resource: 'customers', count: 5 });
    expect(await chunk(await begun())).toMatchObject({ status: 'done', counts: { read: 5 } });
  });

  it('fails with the error of its work, not with that of the release', async () => {
    await world.stripe.fault({ kind: 'status', status: 503 });
    await expect(chunk(await begun())).rejects.toMatchObject({ type: FAILURE.unavailable });
  });
});
