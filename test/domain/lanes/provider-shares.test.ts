import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { ProviderShares, laneFor } from '../../../domain/lanes/provider-shares.ts';

const PROVIDERS = Array.from({ length: 13 }, (_, index) => `provider-${index}`);
const [HANGING, OTHER] = PROVIDERS as [ProviderId, ProviderId];
const A_VENUE = 'venue-a' as VenueId;
const ANOTHER_VENUE = 'venue-b' as VenueId;

/** Asks until it is refused, and returns the number admitted and how to release them. */
function fill(shares: ProviderShares, provider: ProviderId, nowMs = 0) {
  const leaves: ((nowMs: number) => void)[] = [];
  for (;;) {
    const answer = shares.ask({ provider, venueId: A_VENUE }, nowMs);
    if (!answer.admitted) return { held: leaves.length, leaves };
    leaves.push(answer.leave);
  }
}
function pauseOf(shares: ProviderShares, provider: ProviderId, at: { venueId?: VenueId; nowMs: number }): number {
  const answer = shares.ask({ provider, venueId: at.venueId ?? A_VENUE }, at.nowMs);
  if (answer.admitted) throw new Error('it was admitted');
  return answer.retryAfterMs;
}

/** Holds `count` slots, and returns how to release them. */
function hold(shares: ProviderShares, provider: ProviderId, count: number, nowMs = 0) {
  return Array.from({ length: count }, () => {
    const answer = shares.ask({ provider, venueId: A_VENUE }, nowMs);
    if (!answer.admitted) throw new Error('it was refused');
    return answer.leave;
  });
}

const aLane = (slotsOfOne: number) => new ProviderShares(laneFor(slotsOfOne, PROVIDERS.length));

describe('the shares of a lane', () => {
  it('leave a slot free for the thirteenth provider when twelve hang, one after the other', () => {
    const shares = aLane(30);
    const held = PROVIDERS.slice(0, 12).map((provider) => fill(shares, provider).held);
    expect(held).toEqual([30, 16, 8, 5, 3, 2, 1, 1, 1, 1, 1, 1]);
    expect(fill(shares, PROVIDERS[12]!).held).toBe(1);
  });

  it.each([12, 20, 30])('give one provider alone the %i slots for which it was sized', (slots) => {
    expect(fill(aLane(slots), HANGING).held).toBe(slots);
  });

  it('cannot be fewer than the providers', () => {
    expect(() => new ProviderShares({ slots: 12, providers: 13 })).toThrow('a slot for each provider');
  });

  it('admit a provider again once one of its activities has ended', () => {
    const shares = aLane(4);
    const { leaves } = fill(shares, HANGING);
    leaves[0]?.(10);
    expect(shares.ask({ provider: HANGING, venueId: A_VENUE }, 10).admitted).toBe(true);
  });

  it('return a provider’s slots to others as soon as its work ends', () => {
    const shares = aLane(30);
    const { leaves } = fill(shares, HANGING);
    const before = fill(shares, OTHER).held;
    for (const leave of leaves) leave(1_000);
    expect(before + fill(shares, OTHER).held).toBe(30);
  });
});

describe('a refused request', () => {
  it('returns no sooner than half a second and no later than two minutes', () => {
    const shares = aLane(1);
    for (const leave of hold(shares, HANGING, 1)) leave(10_000);
    hold(shares, HANGING, 1, 10_000);
    const pauses = Array.from({ length: 400 }, () => pauseOf(shares, HANGING, { nowMs: 10_000 }));
    expect([pauses[0], pauses.at(-1)]).toEqual([10_000, 120_000]);
    const quick = aLane(1);
    hold(quick, HANGING, 1);
    expect(pauseOf(quick, HANGING, { nowMs: 0 })).toBe(500);
  });

  it('waits for as many durations as requests stand before it, so that refusals follow the speed of the work', () => {
    const shares = aLane(10);
    for (const leave of hold(shares, HANGING, 10)) leave(60_000);
    hold(shares, HANGING, 10, 60_000);
    // Ten slots that take a minute each: one is freed every six seconds.
    expect([1, 2, 3].map(() => pauseOf(shares, HANGING, { nowMs: 60_000 }))).toEqual([6_000, 12_000, 18_000]);
  });

  it('of a venue with a short backlog does not wait behind another’s long one', () => {
    const shares = aLane(10);
    for (const leave of hold(shares, HANGING, 10)) leave(60_000);
    hold(shares, HANGING, 10, 60_000);
    const flood = Array.from({ length: 10 }, () => pauseOf(shares, HANGING, { nowMs: 60_000 }));
    const late = pauseOf(shares, HANGING, { venueId: ANOTHER_VENUE, nowMs: 60_000 });
    expect(late).toBe(12_000);
    expect(flood.filter((pause) => pause < late)).toHaveLength(1);
  });
});
