import { randomUUID } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import { ACTIVITY_QUEUE } from '../support/task-queues.ts';
import { until } from '../support/eventually.ts';
import { chunk, createWorkflowStage } from './workflow-stage.ts';
import type { PlayedRun, WorkflowStage } from './workflow-stage.ts';

// Each queue has one slot, so that the order of service is the order of dispatch.
let stage: WorkflowStage;
beforeAll(async () => {
  stage = await createWorkflowStage({ chunkSlots: 1 });
}, 120_000);
afterAll(() => stage.close());

interface Dispatched {
  readonly venueId: VenueId;
  readonly priorityKey: number | undefined;
  readonly fairnessKey: string | undefined;
}

const FLOOD = 24;
let flooding: VenueId;
let small: VenueId;
let dispatched: Dispatched[];
beforeEach(() => {
  [flooding, small] = [randomUUID() as VenueId, randomUUID() as VenueId];
  dispatched = [];
});

const served = (venueId: VenueId) => () => {
  const { priority } = Context.current().info;
  dispatched.push({ venueId, priorityKey: priority?.priorityKey, fairnessKey: priority?.fairnessKey });
  return chunk('done');
};
const play = (venueId: VenueId, mode: 'full' | 'incremental') => stage.playFor({ venueId, mode }, served(venueId));
const times = (count: number, venueId: VenueId, mode: 'full' | 'incremental') =>
  Promise.all(Array.from({ length: count }, () => play(venueId, mode)));
const scheduled = (runs: readonly PlayedRun[]) =>
  Promise.all(
    runs.map(({ handle }) =>
      until(
        async () =>
          (await handle.describe()).raw.pendingActivities?.some(
            ({ activityType }) => activityType?.name === 'syncChunk',
          ) ?? false,
        { limitMs: 40_000, what: 'its chunk is scheduled', everyMs: 200 },
      ),
    ),
  );
/**
 * Waits until the queue holds `count` chunks: a scheduled chunk reaches it a moment later, and the server counts every
 * 5 s.
 */
const queued = (count: number, mode: 'full' | 'incremental') =>
  until(async () => (await backlogOf(laneQueue(mode === 'full' ? 'bulk' : 'incremental'))) === count, {
    limitMs: 40_000,
    what: `${count} chunks are queued`,
    everyMs: 200,
  });
async function backlogOf(name: string): Promise<number> {
  const {
    workflowService,
    options: { namespace },
  } = stage.client;
  const { stats } = await workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name },
    taskQueueType: ACTIVITY_QUEUE,
    reportStats: true,
  });
  return Number(stats?.approximateBacklogCount);
}
const ended = (runs: readonly PlayedRun[]) => Promise.all(runs.map(({ handle }) => handle.result()));

/** Starts a run whose chunk occupies the only slot of its queue until it is released. */
async function holdSlot(
  mode: 'full' | 'incremental',
): Promise<{ readonly run: PlayedRun; readonly letGo: () => void }> {
  let letGo = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let begun = false;
  const run = await stage.playFor({ venueId: flooding, mode }, async () => {
    begun = true;
    await released;
    return chunk('done');
  });
  await until(() => begun, { limitMs: 20_000, what: 'its chunk is at work' });
  return { run, letGo };
}

describe('a venue that floods a provider’s queue', () => {
  it.each(['incremental', 'full'] as const)(
    'does not delay a later run of another venue by its backlog of %s runs',
    async (mode) => {
      const first = await holdSlot(mode);
      const flood = await times(FLOOD, flooding, mode);
      await scheduled(flood);
      const late = await play(small, mode);
      await scheduled([late]);
      await queued(FLOOD + 1, mode);
      first.letGo();
      await ended([first.run, ...flood, late]);
      expect(dispatched).toHaveLength(FLOOD + 1);
      expect(dispatched.findIndex(({ venueId }) => venueId === small)).toBeLessThanOrEqual(2);
      const priorityKey = mode === 'full' ? PRIORITY.bulk : PRIORITY.incremental;
      for (const { venueId, ...priority } of dispatched)
        expect(priority).toEqual({ priorityKey, fairnessKey: venueId });
    },
  );

  it('does not delay another venue’s incremental run with its own full run', async () => {
    const full = await holdSlot('full');
    const behind = await play(flooding, 'full');
    const incremental = await play(small, 'incremental');
    await incremental.handle.result();
    expect(dispatched.map(({ venueId }) => venueId)).toEqual([small]);
    full.letGo();
    await ended([full.run, behind]);
    expect(dispatched).toHaveLength(2);
  });
});
