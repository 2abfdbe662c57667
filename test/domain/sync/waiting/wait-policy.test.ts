import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FAILURE } from '../../../../contracts/failures.ts';
import { isLasting, waitPolicyFor, waitMs } from '../../../../domain/sync/waiting/wait-policy.ts';

const PARKED = [
  FAILURE.needsReauth,
  FAILURE.scopesMissing,
  FAILURE.rateLimited,
  FAILURE.quotaExhausted,
  FAILURE.unavailable,
  FAILURE.keyServiceUnavailable,
];

describe('a run that cannot continue for now', () => {
  it('waits only for failures that end by themselves or with new credentials', () => {
    for (const type of Object.values(FAILURE))
      expect(waitPolicyFor(type) !== null).toBe((PARKED as readonly string[]).includes(type));
    for (const type of ['Internal', '', 'toString', '__proto__', 'constructor']) expect(waitPolicyFor(type)).toBeNull();
  });

  it('waits longer after each failure up to its maximum, and gives up only after its time limit', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PARKED),
        fc.integer({ min: 1, max: 100_000 }),
        fc.nat({ max: 40 * 86_400_000 }),
        (type, failures, waitedMs) => {
          const waitPolicy = waitPolicyFor(type)!;
          const wait = waitMs(waitPolicy, { failures, waitedMs, retryAfterMs: null });
          expect(wait === null).toBe(waitedMs >= waitPolicy.givesUpAfterMs);
          if (wait === null) return;
          expect(wait).toBeGreaterThanOrEqual(waitPolicy.firstWaitMs);
          expect(wait).toBeLessThanOrEqual(waitPolicy.longestWaitMs);
          expect(waitMs(waitPolicy, { failures: failures + 1, waitedMs, retryAfterMs: null })).toBeGreaterThanOrEqual(
            wait,
          );
        },
      ),
    );
  });

  it('waits for a quota exactly as long as requested, and for anything else at least that long', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PARKED),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 1, max: 2 * 86_400_000 }),
        (type, failures, retryAfterMs) => {
          const waitPolicy = waitPolicyFor(type)!;
          const own = waitMs(waitPolicy, { failures, waitedMs: 0, retryAfterMs: null }) ?? 0;
          expect(waitMs(waitPolicy, { failures, waitedMs: 0, retryAfterMs })).toBe(
            type === FAILURE.quotaExhausted ? retryAfterMs : Math.max(own, retryAfterMs),
          );
        },
      ),
    );
  });

  it('outlasts a month of refusals for a rate, as a provider may refuse calls whose quota of the month is used up', () => {
    const policy = waitPolicyFor(FAILURE.rateLimited)!;
    expect(waitMs(policy, { failures: 500, waitedMs: 31 * 86_400_000, retryAfterMs: 60_000 })).not.toBeNull();
  });

  it('is a case for an operator once a rate limit has lasted for an hour of waits, which is told once', () => {
    const policy = waitPolicyFor(FAILURE.rateLimited)!;
    const told = Array.from({ length: 50 }, (_, index) => index + 1).filter((failures) => isLasting(policy, failures));
    expect(told).toHaveLength(1);
    let waitedMs = 0;
    for (let failures = 1; failures < told[0]!; failures += 1)
      waitedMs += waitMs(policy, { failures, waitedMs, retryAfterMs: null })!;
    expect(waitedMs / 60_000).toBeGreaterThanOrEqual(60);
    for (const type of PARKED.filter((one) => one !== FAILURE.rateLimited))
      expect(isLasting(waitPolicyFor(type)!, told[0]!)).toBe(false);
  });

  it('ends after a bounded number of retries', () => {
    for (const type of PARKED) {
      const waitPolicy = waitPolicyFor(type)!;
      let waitedMs = 0;
      let failures = 1;
      for (
        let wait = waitMs(waitPolicy, { failures, waitedMs, retryAfterMs: null });
        wait !== null;
        wait = waitMs(waitPolicy, { failures, waitedMs, retryAfterMs: null })
      ) {
        waitedMs += wait;
        failures += 1;
      }
      expect(waitedMs).toBeGreaterThanOrEqual(waitPolicy.givesUpAfterMs);
      expect(failures).toBeLessThan(1_000);
    }
  });
});
