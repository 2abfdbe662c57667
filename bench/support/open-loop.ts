import { setTimeout as sleep } from 'node:timers/promises';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Sends the request with this number. A rejection counts as failed. */
  readonly send: (index: number) => Promise<unknown>;
}

export interface Sample {
  readonly index: number;
  /** Measured from when the request was due, so that a stall on either side counts for every request due meanwhile. */
  readonly latencyMs: number;
  readonly failed: boolean;
}

/** Sends at a fixed rate regardless of the answers, and returns when all have arrived. */
export async function openLoop({ perSecond, seconds, send }: OpenLoopOptions): Promise<readonly Sample[]> {
  const total = Math.round(perSecond * seconds);
  const startedAt = performance.now();
  const dueAt = (index: number): number => startedAt + (index * 1_000) / perSecond;
  const sending: Promise<Sample>[] = [];
  for (let index = 0; index < total; index += 1) {
    const aheadMs = dueAt(index) - performance.now();
    if (aheadMs > 0) await sleep(aheadMs);
    sending.push(take(index, dueAt(index), send));
  }
  return Promise.all(sending);
}

async function take(index: number, dueAtMs: number, send: OpenLoopOptions['send']): Promise<Sample> {
  const failed = await send(index).then(
    () => false,
    () => true,
  );
  return { index, latencyMs: performance.now() - dueAtMs, failed };
}

/** Nearest-rank percentile of unsorted values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
