import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { APPROVE_SIGNAL } from '../../contracts/sync.ts';
import type { ArchivingCount } from '../../contracts/sync.ts';
import { until } from '../support/eventually.ts';
import { PADDING, chunk, createWorkflowStage, signalOwnRun } from './workflow-stage.ts';
import type { WorkflowStage } from './workflow-stage.ts';

let stage: WorkflowStage;
beforeAll(async () => {
  stage = await createWorkflowStage();
}, 120_000);
afterAll(() => stage.close());

const COUNTED: ArchivingCount = { archiving: 60, of: 100, archived: 0, newestDeletionEpochUs: 1_000_000 };
const asks = () => chunk('needs-approval', { awaiting: COUNTED });
const done = () => chunk('done');

describe('a run that waits for approval', () => {
  it('shows what it would do, resumes when the API approves, and records who approved', async () => {
    const { script, handle, shows } = await stage.play(asks, done);
    await shows('awaiting-approval');
    expect(JSON.stringify(await handle.query('__temporal_workflow_metadata'))).toContain('archive 60 of 100 records');
    await handle.signal(APPROVE_SIGNAL, { by: 'somebody' });
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'somebody' }]);
    expect(script.chunksRun).toBe(2);
  });

  it('resumes on the bare signal that the Web UI sends', async () => {
    const { script, handle, shows } = await stage.play(asks, done);
    await shows('awaiting-approval');
    await handle.signal(APPROVE_SIGNAL);
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'temporal-ui' }]);
  });

  it('accepts an approval that arrives before its workflow waits, because the API shows the question first', async () => {
    const { script, handle } = await stage.play(async () => {
      await signalOwnRun(APPROVE_SIGNAL, { by: 'somebody quick', awaiting: COUNTED });
      return asks();
    }, done);
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'somebody quick' }]);
  });

  it('ignores an approval of an earlier question', async () => {
    const { script, handle, shows } = await stage.play(asks, asks, done);
    await shows('awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'first' });
    await until(() => script.approvals.length === 1 && script.chunksRun === 2, {
      limitMs: 20_000,
      what: 'the second chunk has run',
    });
    await shows('awaiting-approval');
    expect(script.approvals).toHaveLength(1);
    await handle.signal(APPROVE_SIGNAL, { by: 'second' });
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'first' }, { by: 'second' }]);
  });

  it('ignores an approval that names another count, before and while it waits: a reset sends earlier signals again', async () => {
    const { script, handle, shows } = await stage.play(async () => {
      await signalOwnRun(APPROVE_SIGNAL, { by: 'earlier', awaiting: { ...COUNTED, archiving: 40 } });
      return asks();
    }, done);
    await shows('awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'late', awaiting: { ...COUNTED, newestDeletionEpochUs: 2 } });
    await handle.signal(APPROVE_SIGNAL, { by: 'right', awaiting: COUNTED });
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'right' }]);
  });

  it('ignores an approval that names no count and comes before the question', async () => {
    const { script, handle, shows } = await stage.play(async () => {
      await signalOwnRun(APPROVE_SIGNAL, { by: 'sent again by a reset' });
      return asks();
    }, done);
    await shows('awaiting-approval');
    await handle.signal(APPROVE_SIGNAL);
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'temporal-ui' }]);
  });

  it('keeps the approval when it continues as new right after it', async () => {
    const { script, handle, shows, hasContinuedAsNew } = await stage.play(
      () => chunk('more', PADDING),
      () => ({ ...asks(), ...PADDING }),
      done,
    );
    script.padded = true;
    await shows('awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'somebody' });
    await handle.result();
    expect(await hasContinuedAsNew()).toBe(true);
    expect(script).toMatchObject({ approvals: [{ by: 'somebody' }], begun: 1, chunksRun: 3, ends: [{ end: 'done' }] });
  });

  it('ends as cancelled, without an approval, when it is cancelled instead', async () => {
    const { script, handle, shows } = await stage.play(asks);
    await shows('awaiting-approval');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(script).toMatchObject({ approvals: [], chunksRun: 1, ends: [{ end: 'cancelled' }] });
    expect((await handle.describe()).status.name).toBe('CANCELLED');
  });
});

describe('a run that is cancelled after many chunks', () => {
  const more = () => chunk('more');

  it('asks no chunk to stop while it waits', async () => {
    const { script, handle, shows, steps } = await stage.play(more, more, asks);
    await shows('awaiting-approval');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(script.ends).toMatchObject([{ end: 'cancelled' }]);
    expect(await steps()).toEqual(['beginSync', 'syncChunk', 'syncChunk', 'syncChunk', 'finishSync']);
  });

  it('asks only the running chunk to stop', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { script, handle, steps } = await stage.play(more, more, async () => {
      await released;
      return chunk('stopped');
    });
    await until(() => script.chunksRun === 3, { limitMs: 20_000, what: 'the third chunk is at work' });
    await handle.cancel();
    await until(() => script.stops > 0, { limitMs: 20_000, what: 'it was asked to stop' });
    release();
    await expect(handle.result()).rejects.toThrow();
    expect(script).toMatchObject({ ends: [{ end: 'cancelled' }] });
    expect((await steps()).filter((step) => step === 'requestStop')).toHaveLength(1);
  });
});
