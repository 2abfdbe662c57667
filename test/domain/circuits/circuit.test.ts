import { describe, expect, it } from 'vitest';
import {
  CIRCUIT_LIMITS,
  CLOSED,
  isProviderDown,
  opened,
  passageOf,
  settle,
  stateOf,
} from '../../../domain/circuits/circuit.ts';
import type { CallOutcome, Circuit } from '../../../domain/circuits/circuit.ts';

const START = new Date('2026-11-28T12:00:00Z');
const at = (ms: number) => new Date(START.getTime() + ms);
const after = (outcomes: readonly CallOutcome[], from: Circuit = CLOSED) =>
  outcomes.reduce((circuit, outcome) => settle(circuit, { outcome, probe: false, now: START }, CIRCUIT_LIMITS), from);
const failures = (count: number) => Array<CallOutcome>(count).fill('failed');
const probed = (circuit: Circuit, outcome: CallOutcome, nowMs: number) => {
  const passage = passageOf(circuit, at(nowMs), CIRCUIT_LIMITS);
  if (passage.may !== 'probe') throw new Error(`it may ${passage.may}`);
  return settle(passage.probing, { outcome, probe: true, now: at(nowMs) }, CIRCUIT_LIMITS);
};
const OPEN = opened(5, START, CIRCUIT_LIMITS);

describe('a circuit', () => {
  it('opens at the fifth failure in a row, for a minute', () => {
    expect(stateOf(after(failures(4)), START)).toBe('closed');
    expect(passageOf(after(failures(5)), at(59_000), CIRCUIT_LIMITS)).toEqual({ may: 'wait', retryAfterMs: 1_000 });
  });

  it('counts anew after an answer', () => {
    expect(stateOf(after([...failures(4), 'answered', ...failures(4)]), START)).toBe('closed');
  });

  it('counts nothing for a call that tells nothing', () => {
    expect(after(['failed', 'unknown'])).toEqual(after(['failed']));
  });

  it('is not held open longer by failures of calls that were under way when it opened', () => {
    expect(settle(OPEN, { outcome: 'failed', probe: false, now: at(30_000) }, CIRCUIT_LIMITS)).toEqual(OPEN);
  });

  it('is not closed by the late answer of such a call', () => {
    expect(settle(OPEN, { outcome: 'answered', probe: false, now: at(30_000) }, CIRCUIT_LIMITS)).toEqual(OPEN);
  });

  it('lets one probe through after a minute, and nobody else meanwhile', () => {
    const passage = passageOf(OPEN, at(60_000), CIRCUIT_LIMITS);
    if (passage.may !== 'probe') throw new Error(`it may ${passage.may}`);
    expect(passageOf(passage.probing, at(60_001), CIRCUIT_LIMITS).may).toBe('wait');
    expect(stateOf(passage.probing, at(60_001))).toBe('half-open');
  });

  it('lets another probe through when the process of the first has died', () => {
    const passage = passageOf(OPEN, at(60_000), CIRCUIT_LIMITS);
    if (passage.may !== 'probe') throw new Error(`it may ${passage.may}`);
    expect(passageOf(passage.probing, at(60_000 + CIRCUIT_LIMITS.probeMs), CIRCUIT_LIMITS).may).toBe('probe');
  });

  it('opens again for a minute when a probe fails, also after one that succeeded', () => {
    const once = probed(OPEN, 'answered', 60_000);
    const failed = probed(once, 'failed', 61_000);
    expect(passageOf(failed, at(120_999), CIRCUIT_LIMITS).may).toBe('wait');
    expect(probed(failed, 'answered', 121_000)).toMatchObject({ successes: 1, openedAt: START });
  });

  it('closes after two probes in a row have succeeded, and not after one', () => {
    const once = probed(OPEN, 'answered', 60_000);
    expect(stateOf(once, at(60_000))).toBe('half-open');
    expect(probed(once, 'answered', 60_001)).toEqual(CLOSED);
  });

  it('lets the next probe through at once when one was cancelled', () => {
    expect(passageOf(probed(OPEN, 'unknown', 60_000), at(60_001), CIRCUIT_LIMITS).may).toBe('probe');
  });
});

describe('a provider', () => {
  it.each([
    [4, 4, false],
    [5, 5, true],
    [5, 10, true],
    [5, 11, false],
    [6, 5_000, false],
  ])('of which %i of %i called accounts fail is down: %s', (failing, called, down) => {
    expect(isProviderDown({ failing, called })).toBe(down);
  });
});
