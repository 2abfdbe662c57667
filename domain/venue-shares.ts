import type { VenueId } from '../contracts/ids.ts';

/** Gives back what was taken. Call it once. */
export type Release = () => void;

/** Slots that all venues share, of which each may hold only its share. */
export class VenueShares {
  readonly #total: number;
  readonly #perVenue: number;
  readonly #taken = new Map<VenueId, number>();
  readonly #waiting = new Map<VenueId, Set<(release: Release) => void>>();
  #all = 0;

  constructor({ total, perVenue }: { readonly total: number; readonly perVenue: number }) {
    this.#total = total;
    this.#perVenue = perVenue;
  }

  /** Null when the venue has its share, or all slots are taken. */
  tryTake(venueId: VenueId): Release | null {
    const taken = this.#taken.get(venueId) ?? 0;
    if (taken >= this.#perVenue || this.#all >= this.#total) return null;
    this.#taken.set(venueId, taken + 1);
    this.#all += 1;
    return () => { this.#giveBack(venueId); };
  }

  /** As `tryTake`, but waits until the venue gives a slot back, in the order of arrival. Null when that takes too long. */
  async take(venueId: VenueId, timeoutMs: number): Promise<Release | null> {
    const release = this.tryTake(venueId);
    if (release) return release;
    const { promise, resolve } = Promise.withResolvers<Release | null>();
    const queue = this.#waiting.get(venueId) ?? new Set();
    this.#waiting.set(venueId, queue.add(resolve));
    const timer = setTimeout(() => {
      // Out of the queue in the same moment: a slot that is handed over afterwards would be lost.
      queue.delete(resolve);
      resolve(null);
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      if (queue.size === 0 && this.#waiting.get(venueId) === queue) this.#waiting.delete(venueId);
    }
  }

  /** The next in line of the venue takes it over. */
  #giveBack(venueId: VenueId): void {
    const queue = this.#waiting.get(venueId);
    const [next] = queue ?? [];
    if (queue && next) {
      queue.delete(next);
      next(() => { this.#giveBack(venueId); });
      return;
    }
    const left = (this.#taken.get(venueId) ?? 1) - 1;
    if (left === 0) this.#taken.delete(venueId);
    else this.#taken.set(venueId, left);
    this.#all -= 1;
  }
}
