import { setTimeout as sleep } from 'node:timers/promises';
import { isKeyKnown } from '../../db/core/idempotency-store.ts';
import type { IdempotencyClaim, IdempotencyStore, PendingClaim } from '../../db/core/idempotency-store.ts';
import type { IdempotencyKeyRef } from '../../db/core/sealed-answer.ts';

export const WAIT_FOR_DUPLICATE_MS = 10_000;
const FIRST_POLL_MS = 25;
const MAX_POLL_MS = 400;

/** What is known of a key that was used before. */
export type Settled = Exclude<IdempotencyClaim, { kind: 'claimed' }>;

/** Ends the work of a request whose key was used before. */
export class KeySettledError extends Error {
  override readonly name = 'KeySettledError';
  readonly settled: Settled;

  constructor(settled: Settled) {
    super('the Idempotency-Key was used before');
    this.settled = settled;
  }
}

interface Claimant {
  readonly ref: IdempotencyKeyRef;
  readonly hash: string;
  /** Time after which the claim of a request that died with its process expires. */
  readonly lockMs: number;
}

/** The claim of one request's Idempotency-Key. Nothing is written for the request before it is made. */
export class KeyClaim {
  readonly #store: IdempotencyStore;
  readonly #claimant: Claimant;
  readonly #waitForDuplicateMs: number;
  #isMade = false;

  constructor(store: IdempotencyStore, claimant: Claimant, waitForDuplicateMs: number) {
    this.#store = store;
    this.#claimant = claimant;
    this.#waitForDuplicateMs = waitForDuplicateMs;
  }

  get isMade(): boolean {
    return this.#isMade;
  }

  /** Makes the claim, unless it was made. Throws KeySettledError for a key that was used before. */
  async make(): Promise<void> {
    if (this.#isMade) return;
    const { ref, hash, lockMs } = this.#claimant;
    const deadline = performance.now() + this.#waitForDuplicateMs;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 2, MAX_POLL_MS)) {
      const claim = await this.#store.claim(ref, hash, lockMs);
      this.#isMade = claim.kind === 'claimed';
      if (claim.kind === 'claimed') return;
      if (claim.kind !== 'in-flight' || performance.now() + pollMs > deadline) throw new KeySettledError(claim);
      await sleep(pollMs);
    }
  }

  /**
   * Lets `write` make the claim in its own transaction, unless it was made. Null when `write` has not written: the claim is
   * made then. Throws KeySettledError. After a failure of unknown outcome the claim expires by itself.
   */
  async makeWith<Result>(write: (claim: PendingClaim) => Promise<Result> | null): Promise<Result | null> {
    if (this.#isMade) return null;
    const { ref, hash, lockMs } = this.#claimant;
    try {
      const result = await write(this.#store.pendingClaim(ref, hash, lockMs));
      this.#isMade = result !== null;
      if (result !== null) return result;
    } catch (error) {
      if (!isKeyKnown(error)) throw error;
    }
    await this.make();
    return null;
  }
}
