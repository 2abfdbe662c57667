import { parentPort, workerData } from 'node:worker_threads';
import { ATTACKS } from './attacks.ts';
import type { Loot, Target } from './attacks.ts';

// A thread of its own: what attacking costs the sender must not delay the requests that are measured.
export interface AttackOrder {
  readonly target: Target;
  readonly names: readonly string[];
}

const { target, names } = workerData as AttackOrder;
const loot: Loot = { requests: 0, largestPageBytes: 0, largestAnswerBytes: 0 };
const ending = new AbortController();
parentPort?.once('message', () => {
  ending.abort();
});
await Promise.all(
  ATTACKS.filter(({ name }) => names.includes(name)).map((attack) =>
    attack.run({ target, loot, stop: ending.signal }).catch(() => undefined),
  ),
);
parentPort?.postMessage(loot);
