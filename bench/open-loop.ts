import { setTimeout as sleep } from 'node:timers/promises';

export interface OpenLoopOptions {
  readonly perSecond: number;
  readonly seconds: number;
  /** Sends the request with this number; a rejection counts as failed. */
  readonly send: (index: number) => Promise<void>;
}

export interface Sample {
  readonly index: number;
  /** From the moment the request was due, so that a stall of either side counts for everything that was due meanwhile. */
  readonly latencyMs: number;
  readonly failed: boolean;
}

/** Sends at a fixed rate, whatever the answers do, and returns when all have come. */
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

/** Nearest-rank percentile of values in any order. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}
