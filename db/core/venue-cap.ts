import { sql } from 'drizzle-orm';
import type { VenueId } from '../../contracts/ids.ts';
import type { Transaction } from './venue-scope.ts';

/** A venue has as many of something as it may have. */
export class VenueCapError extends Error {
  override readonly name = 'VenueCapError';
  readonly max: number;

  constructor(max: number) {
    super(`The venue has ${max} of them, and may have no more`);
    this.max = max;
  }
}

export interface VenueCap {
  readonly venueId: VenueId;
  /** What is counted, as the lock is named by it. */
  readonly what: 'connections' | 'schedules' | 'subscriptions';
}

/**
 * Makes whoever counts the same of the same venue wait until this transaction has ended. Only then is a count that is taken in the next
 * statement still true when a row is added to it.
 */
export async function lockCount(tx: Transaction, { venueId, what }: VenueCap): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`${what}/${venueId}`}, 0))`);
}
