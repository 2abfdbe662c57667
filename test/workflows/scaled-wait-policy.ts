import { waitPolicyFor as realWaitPolicyFor } from '../../domain/sync/waiting/wait-policy.ts';
import type { WaitPolicy } from '../../domain/sync/waiting/wait-policy.ts';

export { isLasting, needsOwner, waitMs } from '../../domain/sync/waiting/wait-policy.ts';

/** A minute of waiting takes a millisecond. */
export const SCALE = 60_000;

/** The policy of `domain/sync/waiting/wait-policy.ts` with a faster clock. Tests bundle this file in place of that one. */
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
