import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { VenueShares } from '../../../domain/limits/venue-shares.ts';

const A = 'a' as VenueId;
const B = 'b' as VenueId;

describe('slots that venues share', () => {
  it('are refused to a venue that has used up its share, and left to others', () => {
    const shares = new VenueShares({ total: 3, perVenue: 2 });
    const first = shares.tryTake(A);
    expect(shares.tryTake(A)).not.toBeNull();
    expect(shares.tryTake(A)).toBeNull();
    expect(shares.tryTake(B)).not.toBeNull();
    expect(shares.tryTake(B)).toBeNull();
    first?.();
    expect(shares.tryTake(B)).not.toBeNull();
  });

  it('go to the same venue’s waiting callers in arrival order', async () => {
    const shares = new VenueShares({ total: Infinity, perVenue: 1 });
    const held = await shares.take(A, 0);
    const order: string[] = [];
    const waiting = ['first', 'second'].map(async (name) => {
      const release = await shares.take(A, 60_000);
      order.push(name);
      release?.();
    });
    expect(await shares.take(B, 0)).not.toBeNull();
    held?.();
    await Promise.all(waiting);
    expect(order).toEqual(['first', 'second']);
    expect(await shares.take(A, 0)).not.toBeNull();
  });

  it('are not lost to a caller that timed out while waiting', async () => {
    const shares = new VenueShares({ total: 1, perVenue: 1 });
    const held = shares.tryTake(A);
    expect(await shares.take(A, 1)).toBeNull();
    held?.();
    expect(shares.tryTake(A)).not.toBeNull();
  });
});
