import type { VenueId } from '../../contracts/ids.ts';

/** Gives back what was taken. Call it once. */
export type Release = () => void;

/** Slots that all venues, or other owners, share, of which each may hold only its share. */
export class VenueShares<Owner extends string = VenueId> {
  readonly #total: number;
  readonly #perVenue: number;
  readonly #taken = new Map<Owner, number>();
  readonly #waiting = new Map<Owner, Set<(release: Release) => void>>();
  #all = 0;

  constructor({ total, perVenue }: { readonly total: number; readonly perVenue: number }) {
    this.#total = total;
    this.#perVenue = perVenue;
  }

  /** Null when the venue has its share, or all slots are taken. */
  tryTake(owner: Owner): Release | null {
    const taken = this.#taken.get(owner) ?? 0;
    if (taken >= this.#perVenue || this.#all >= this.#total) return null;
    this.#taken.set(owner, taken + 1);
    this.#all += 1;
    return () => {
      this.#giveBack(owner);
    };
  }

  /** As `tryTake`, but waits until the venue gives a slot back, in the order of arrival. Null when that takes too long. */
  async take(owner: Owner, timeoutMs: number): Promise<Release | null> {
    const release = this.tryTake(owner);
    if (release) return release;
    const { promise, resolve } = Promise.withResolvers<Release | null>();
    const queue = this.#waiting.get(owner) ?? new Set();
    this.#waiting.set(owner, queue.add(resolve));
    const timer = setTimeout(() => {
      // Out of the queue in the same moment: a slot that is handed over afterwards would be lost.
      queue.delete(resolve);
      resolve(null);
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      if (queue.size === 0 && this.#waiting.get(owner) === queue) this.#waiting.delete(owner);
    }
  }

  /** The next in line of the venue takes it over. */
  #giveBack(owner: Owner): void {
    const queue = this.#waiting.get(owner);
    const [next] = queue ?? [];
    if (queue && next) {
      queue.delete(next);
      next(() => {
        this.#giveBack(owner);
      });
      return;
    }
    const left = (this.#taken.get(owner) ?? 1) - 1;
    if (left === 0) this.#taken.delete(owner);
    else this.#taken.set(owner, left);
    this.#all -= 1;
  }
}
