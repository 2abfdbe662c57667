import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, SearchAttributeType, defineSearchAttributeKey } from '@temporalio/common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CIRCUIT_OPEN, FAILURE } from '../../contracts/failures.ts';
import { WAKE_SIGNAL } from '../../contracts/sync.ts';
import { chunk, createWorkflowStage, failing, signalOwnRun } from './workflow-stage.ts';
import type { WorkflowStage } from './workflow-stage.ts';

const done = () => chunk('done');
const more = () => chunk('more');
const NEEDS_ATTENTION = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);
const refused = failing(FAILURE.needsReauth);
const away = failing(FAILURE.unavailable);

describe('a run that is woken', () => {
  let stage: WorkflowStage;
  beforeAll(async () => {
    stage = await createWorkflowStage();
  }, 120_000);
  afterAll(() => stage.close());

  it('looks at once, even when it is woken before it waits', async () => {
    // A new key may be entered before the workflow has learned that the old one was refused.
    const { script, handle } = await stage.play(async () => {
      await signalOwnRun(WAKE_SIGNAL);
      return refused();
    }, done);
    await handle.result();
    expect(script.parked).toMatchObject([{ what: 'needs-reauth' }]);
    expect(script).toMatchObject({ chunksRun: 2, ends: [{ end: 'done' }] });
  });

  it('looks once per wake-up, and then waits again', async () => {
    const { script, handle, parkedTimes } = await stage.play(refused);
    await parkedTimes(1);
    await handle.signal(WAKE_SIGNAL);
    await parkedTimes(2);
    expect(script.chunksRun).toBe(2);
    script.chunks = [done];
    await handle.signal(WAKE_SIGNAL);
    await handle.result();
    expect(script).toMatchObject({ chunksRun: 3, begun: 1 });
  });

  it('waits until the circuit that stopped its chunk lets calls through again, and a little longer', async () => {
    const { script, handle, waits } = await stage.play(() => {
      throw ApplicationFailure.create({
        type: FAILURE.unavailable,
        nonRetryable: true,
        details: [{ httpStatus: null, code: CIRCUIT_OPEN, requestId: null, retryAfterMs: 1_000 }],
      });
    }, done);
    const begunMs = Date.now();
    await handle.result();
    const [waitMs = 0] = await waits();
    expect(waitMs).toBeGreaterThanOrEqual(1_000);
    expect(waitMs).toBeLessThanOrEqual(1_500);
    expect(script.parked).toMatchObject([{ what: 'provider-unavailable' }]);
    expect(Date.parse(script.parked[0]?.until ?? '')).toBeGreaterThanOrEqual(begunMs + 1_000);
    expect(script.ends).toMatchObject([{ end: 'done' }]);
  });

  it('ignores a wake-up while it works', async () => {
    const { script, handle, shows } = await stage.play(async () => {
      await signalOwnRun(WAKE_SIGNAL);
      return more();
    }, refused);
    await shows('waiting');
    expect(script).toMatchObject({ chunksRun: 2, parked: [{ what: 'needs-reauth' }] });
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(script).toMatchObject({ chunksRun: 2, ends: [{ end: 'cancelled' }] });
  });
});

describe('a run whose provider is away for longer than a chunk retries', () => {
  let stage: WorkflowStage;
  beforeAll(async () => {
    stage = await createWorkflowStage({ fastClock: true });
  }, 120_000);
  afterAll(() => stage.close());

  it('resumes by itself after its wait, and waits longer each time', async () => {
    const { script, handle, waits } = await stage.play(away, away, away, away, away, away, away, more, away, done);
    expect(await handle.result()).toMatchObject({ outcome: 'completed' });
    // Minutes, in milliseconds: at most half an hour, and from the beginning again after progress.
    expect(await waits()).toEqual([1, 2, 4, 8, 16, 30, 30, 1]);
    expect(new Set(script.parked.map(({ what }) => what))).toEqual(new Set(['provider-unavailable']));
  });

  it('waits for a quota until the date that the failure names, and otherwise at least as long as a failure asks', async () => {
    const { script, handle, waits } = await stage.play(
      failing(FAILURE.quotaExhausted, { retryAfterMs: 1_200 }),
      failing(FAILURE.quotaExhausted, { retryAfterMs: 2 }),
      failing(FAILURE.quotaExhausted),
      failing(FAILURE.rateLimited, { retryAfterMs: 1 }),
      failing(FAILURE.rateLimited, { retryAfterMs: 45 }),
      done,
    );
    await handle.result();
    expect(await waits()).toEqual([1_200, 2, 240, 1, 45]);
    expect(script.parked.map(({ what }) => what)).toEqual(['quota', 'quota', 'quota', 'rate-limit', 'rate-limit']);
  });

  it('is put on the operators’ list once every call has been refused for an hour of waits, until one is answered', async () => {
    const needsAttention = async () => (await handle.describe()).typedSearchAttributes.get(NEEDS_ATTENTION) ?? false;
    const attention: boolean[] = [];
    const { handle } = await stage.play(async () => {
      attention.push(await needsAttention());
      return attention.length < 9 ? failing(FAILURE.rateLimited, { retryAfterMs: 1 })() : done();
    });
    await handle.result();
    expect(attention).toEqual([...Array<boolean>(7).fill(false), true, true]);
    expect(await needsAttention()).toBe(false);
  });

  it('starts counting anew when it waits for something else', async () => {
    const { script, handle, waits } = await stage.play(away, away, failing(FAILURE.rateLimited), away, done);
    await handle.result();
    expect(await waits()).toEqual([1, 2, 1, 1]);
    expect(script.parked.map(({ what }) => what)).toEqual([
      'provider-unavailable',
      'provider-unavailable',
      'rate-limit',
      'provider-unavailable',
    ]);
  });

  it('fails after a week with the provider’s failure, even when it continued as new meanwhile', async () => {
    const begunMs = Date.now();
    const { script, handle, waits, hasContinuedAsNew } = await stage.play(() => {
      script.padded = script.chunksRun < 5;
      return away();
    });
    const error: unknown = await handle.result().then(
      () => null,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(WorkflowFailedError);
    expect((error as WorkflowFailedError).cause).toMatchObject({ cause: { type: FAILURE.unavailable } });
    expect(script).toMatchObject({ begun: 1, ends: [{ end: 'failed', failure: { type: FAILURE.unavailable } }] });
    expect(await hasContinuedAsNew()).toBe(true);
    // A week's minutes are milliseconds here. A busy machine spends some of them between the waits, which are fewer then.
    expect(Date.now() - begunMs).toBeGreaterThanOrEqual(7 * 24 * 60);
    const first = (await waits()).slice(0, 7);
    expect(first).toEqual([1, 2, 4, 8, 16, 30, 30].slice(0, first.length));
    expect(first.length).toBeGreaterThanOrEqual(3);
  });

  it('shows that it runs again once it works, even when it continued as new while it waited', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { script, handle, shows, hasContinuedAsNew } = await stage.play(away, away, away, more, async () => {
      await released;
      return done();
    });
    script.padded = true;
    await shows('waiting');
    await shows('running');
    expect(await hasContinuedAsNew()).toBe(true);
    release();
    await handle.result();
  });
});

describe('a run of more than 5,000 records', () => {
  let stage: WorkflowStage;
  beforeAll(async () => {
    stage = await createWorkflowStage();
  }, 120_000);
  afterAll(() => stage.close());

  it('heartbeats once a chunk, and a smaller one every few seconds', async () => {
    const { handle } = await stage.play(
      () => chunk('more', { total: 5_001 }),
      () => chunk('more', { total: 5_000 }),
      done,
    );
    await handle.result();
    const scheduled = ((await handle.fetchHistory()).events ?? []).flatMap(
      ({ activityTaskScheduledEventAttributes: step }) => (step?.activityType?.name === 'syncChunk' ? [step] : []),
    );
    expect(scheduled.map(({ heartbeatTimeout }) => Number(heartbeatTimeout?.seconds))).toEqual([20, 240, 20]);
  });
});
