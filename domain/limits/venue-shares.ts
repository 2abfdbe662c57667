import type { VenueId } from '../../contracts/ids.ts';

/** Returns the slot. Call it once. */
export type Release = () => void;

/** Slots shared by all venues (or other owners), of which each may hold only its share. */
export class VenueShares<Owner extends string = VenueId> {
  readonly #total: number;
  readonly #perVenue: number;
  readonly #taken = new Map<Owner, number>();
  readonly #waiting = new Map<Owner, Set<(release: Release) => void>>();
  #all = 0;
  #refused = 0;

  constructor({ total, perVenue }: { readonly total: number; readonly perVenue: number }) {
    this.#total = total;
    this.#perVenue = perVenue;
  }

  get inUse(): number {
    return this.#all;
  }

  get waiting(): number {
    return [...this.#waiting.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** How often an owner got no slot, or waited too long for one. */
  get refused(): number {
    return this.#refused;
  }

  /** Null when the venue has used up its share, or all slots are taken. */
  tryTake(owner: Owner): Release | null {
    const release = this.#grant(owner);
    if (!release) this.#refused += 1;
    return release;
  }

  #grant(owner: Owner): Release | null {
    const taken = this.#taken.get(owner) ?? 0;
    if (taken >= this.#perVenue || this.#all >= this.#total) return null;
    this.#taken.set(owner, taken + 1);
    this.#all += 1;
    return () => {
      this.#giveBack(owner);
    };
  }

  /** Like `tryTake`, but waits in arrival order until the same venue returns a slot. Null on timeout. */
  async take(owner: Owner, timeoutMs: number): Promise<Release | null> {
    const release = this.#grant(owner);
    if (release) return release;
    const { promise, resolve } = Promise.withResolvers<Release | null>();
    const queue = this.#waiting.get(owner) ?? new Set();
    this.#waiting.set(owner, queue.add(resolve));
    const timer = setTimeout(() => {
      // Leave the queue in the same tick: a slot handed over afterwards would be lost.
      queue.delete(resolve);
      this.#refused += 1;
      resolve(null);
    }, timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      if (queue.size === 0 && this.#waiting.get(owner) === queue) this.#waiting.delete(owner);
    }
  }

  /** Hands the slot to the venue's next waiting caller, if any. */
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
