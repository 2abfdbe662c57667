import { describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import { concurrent, perDay, perSecond } from '../../../providers/limits/limits.ts';
import { BY_TIME, COUNT, FROM_START, PAGES, listPulls, streamOf } from './list-pulls.ts';

describe('a pull that goes on later', () => {
  const pulls = listPulls();
  const { lists, begin, held, begun, toEnd } = pulls;

  describe('a provider whose daily quota is used up', () => {
    it('returns the run to the workflow with the reset time, even after progress, and the run resumes from there', async () => {
      await begin(BY_TIME);
      lists.limits = [perSecond(1_000), concurrent(8), perDay(6)];
      const input = await begun();
      const refused = await pulls.world.chunk(input).catch((error: unknown) => error);
      expect(refused).toMatchObject({ type: FAILURE.quotaExhausted, nonRetryable: true });
      const [details] = (refused as { details: { retryAfterMs: number }[] }).details;
      expect(details?.retryAfterMs).toBeGreaterThan(23 * 3_600_000);
      expect(lists.asked).toHaveLength(6);
      const again = await pulls.world.chunk(input).catch((error: unknown) => error);
      expect(again).toMatchObject({ type: FAILURE.quotaExhausted, nonRetryable: true });
      expect(lists.asked).toHaveLength(6);
      await pulls.world.database.admin`update provider_quotas set started_at = started_at - interval '1 day'`;
      expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
      expect(lists.asked).toHaveLength(PAGES);
    });
  });

  describe('a run begun by an earlier version of the service', () => {
    const asStored = async (input: SyncConnectionInput, stream: string, after: string, oldestEpochS: number) => {
      const checkpoint = {
        kind: 'pull',
        stages: [
          { kind: 'listing', streams: [stream], fromEpochS: null, toEpochS: null },
          { kind: 'find-missing' },
          { kind: 'settle-missing' },
        ],
        segments: [
          { id: 1, stream, fromEpochS: null, toEpochS: oldestEpochS + 1_000, after, oldestEpochS, pagesRead: 3 },
        ],
        nextSegmentId: 2,
        watermarkEpochS: Math.floor(Date.now() / 1_000),
        readAll: true,
      };
      await pulls.world.database.admin`
        update sync_runs set checkpoint = ${JSON.stringify(checkpoint)}::text::jsonb where id = ${input.syncId}`;
    };
    const person = (id: string) => lists.retrieve(id)!;

    it('resumes at its position in a list that is still read in time windows', async () => {
      await begin(streamOf(timeWindows('people-by-creation')));
      const input = await begun();
      const at = person('p-0050');
      await asStored(input, 'people-by-creation', at.externalId, at.version / 1_000);
      await toEnd(input);
      expect(lists.asked[0]?.after).toBe('p-0050');
      expect(await held()).toEqual(lists.ids.filter((id) => id < 'p-0050'));
    });

    it('restarts a list that now has another strategy', async () => {
      await begin(FROM_START);
      const input = await begun();
      await asStored(input, 'people-by-cursor', 'p-0050', 1_700_000_000);
      await toEnd(input);
      expect(lists.asked[0]?.after).toBeNull();
      expect(await held()).toEqual(lists.ids);
    });
  });
});
