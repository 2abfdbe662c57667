import { waitPolicyFor as realWaitPolicyFor } from '../../domain/sync/wait-policy.ts';
import type { WaitPolicy } from '../../domain/sync/wait-policy.ts';

export { waitMs } from '../../domain/sync/wait-policy.ts';

/** A minute passes in a millisecond. */
export const SCALE = 60_000;

/** What `domain/sync/wait-policy.ts` says, with the clock turned up: a test bundles it in the place of that file. */
export function waitPolicyFor(failureType: string): WaitPolicy | null {
  const real = realWaitPolicyFor(failureType);
  return (
    real && {
      ...real,
      firstWaitMs: real.firstWaitMs / SCALE,
      longestWaitMs: real.longestWaitMs / SCALE,
      givesUpAfterMs: real.givesUpAfterMs / SCALE,
    }
  );
}
