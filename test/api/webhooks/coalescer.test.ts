import { describe, expect, it } from 'vitest';
import { createCoalescer } from '../../../api/webhooks/coalescer.ts';

/** Work that waits until it is let go. */
function gated() {
  const runs: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  const work = () => {
    return new Promise<void>((resolve, reject) => {
      runs.push({ resolve, reject });
    });
  };
  return { runs, work };
}
const settled = async () => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

describe('a coalescer', () => {
  it('runs once for the first call, and once more for all that come meanwhile', async () => {
    const coalesce = createCoalescer();
    const { runs, work } = gated();
    const calls = Array.from({ length: 100 }, () => coalesce(work));
    expect(runs).toHaveLength(1);
    runs[0]?.resolve();
    await settled();
    expect(runs).toHaveLength(2);
    runs[1]?.resolve();
    await Promise.all(calls);
    expect(runs).toHaveLength(2);
  });

  it('resolves a call only when a run has ended that began after it', async () => {
    const coalesce = createCoalescer();
    const { runs, work } = gated();
    void coalesce(work);
    let isDone = false;
    const later = coalesce(work).then(() => (isDone = true));
    runs[0]?.resolve();
    await settled();
    expect(isDone).toBe(false);
    runs[1]?.resolve();
    await later;
  });

  it('goes on after a run that failed, and tells only those who waited for it', async () => {
    const coalesce = createCoalescer();
    const { runs, work } = gated();
    const first = coalesce(work);
    const second = coalesce(work);
    runs[0]?.reject(new Error('away'));
    await expect(first).rejects.toThrow('away');
    await settled();
    runs[1]?.resolve();
    await expect(second).resolves.toBeUndefined();
    void coalesce(work);
    expect(runs).toHaveLength(3);
  });
});
