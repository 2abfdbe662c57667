import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rejection } from '../../../db/pull/pull-rejections.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

const rejectionOf = (externalId: string | null): Rejection => ({
  externalId,
  code: 'unreadable',
  message: 'phone: Must be text',
});

describe('rejections of a pull', () => {
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
    venue = await world.aVenue();
  });
  afterAll(() => world.close());

  async function aRun(): Promise<RunScope> {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    const { fence, account } = await world.progress.takeOver(input, null);
    return { ...input, fence, account };
  }
  const commit = (scope: RunScope, rejections: readonly Rejection[]) =>
    world.pulls.commit(scope, {
      records: [],
      amendments: [],
      rejections,
      anomalies: [],
      seen: [],
      counting: 'all',
      checkpoint: null,
      providerCalls: 1,
      ratePerSecond: 1,
    });

  it('count and log an object once per run, whichever pages reject it, and again in the next run', async () => {
    for (let turn = 0; turn < 2; turn += 1) {
      const scope = await aRun();
      await commit(scope, [rejectionOf('cus_1'), rejectionOf('cus_1'), rejectionOf(null)]);
      const { progress } = await commit(scope, [rejectionOf('cus_2'), rejectionOf('cus_1')]);
      expect(progress).toMatchObject({ done: 3, counts: { read: 3, rejected: 3, unchanged: 0 } });
      const log = await world.logOf(venue, scope.syncId);
      expect(
        log.map(({ level, action, externalId, code, message }) => ({ level, action, externalId, code, message })),
      ).toEqual(
        ['cus_1', null, 'cus_2'].map((externalId) => ({
          level: 'error',
          action: 'rejected',
          ...rejectionOf(externalId),
        })),
      );
      await world.finish(scope);
    }
  });
});
