import type { VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';

/** Whose work asks for a slot. */
export interface SlotRequest {
  readonly provider: ProviderId;
  readonly venueId: VenueId;
}

export type SlotAnswer =
  | { readonly admitted: true; readonly leave: (nowMs: number) => void }
  /** The provider has its share. Ask again after `retryAfterMs`. */
  | { readonly admitted: false; readonly retryAfterMs: number };

/** How many slots a lane has, and how many providers it serves. */
export interface LaneSize {
  readonly slots: number;
  readonly providers: number;
}

/** The lane in which one provider that works alone gets so many slots. */
export const laneFor = (slotsOfOne: number, providers: number): LaneSize => ({
  slots: 2 * slotsOfOne + providers - 1,
  providers,
});

/** Bounds of the pause before a refused request is repeated. */
const PAUSE_MS = { shortest: 500, longest: 120_000 } as const;
/** Weight of the latest stay in the mean of a provider's stays. */
const NEWEST_WEIGHT = 0.2;

/**
 * Divides the slots of one lane among providers. One slot is kept for each provider that holds none, so there always is one, however many
 * others hang. Of the rest a provider may hold only as many as stay free: one alone gets half of them, the next half of what that leaves.
 *
 * Whoever is refused gets a turn: venues in rotation, each venue's requests in order of arrival, one for each slot that the provider is
 * likely to free until then. So the number of refusals follows the speed of the work, not the length of the backlog.
 */
export class ProviderShares {
  readonly #slots: number;
  readonly #providers = new Map<ProviderId, ProviderShare>();
  #held = 0;
  /** Providers that hold no slot. */
  #withoutSlot: number;

  constructor({ slots, providers }: LaneSize) {
    if (slots < providers) throw new RangeError('a lane needs a slot for each provider');
    this.#slots = slots;
    this.#withoutSlot = providers;
  }

  ask({ provider, venueId }: SlotRequest, nowMs: number): SlotAnswer {
    const share = this.#shareOf(provider);
    if (share.held === 0) this.#withoutSlot -= 1;
    else if (share.held >= this.#slots - this.#held - this.#withoutSlot)
      return { admitted: false, retryAfterMs: share.nextTurn(venueId, nowMs) };
    share.held += 1;
    this.#held += 1;
    return {
      admitted: true,
      leave: (endedAtMs) => {
        share.held -= 1;
        this.#held -= 1;
        if (share.held === 0) this.#withoutSlot += 1;
        share.learn(endedAtMs - nowMs);
      },
    };
  }

  #shareOf(provider: ProviderId): ProviderShare {
    const share = this.#providers.get(provider) ?? new ProviderShare();
    this.#providers.set(provider, share);
    return share;
  }
}

class ProviderShare {
  held = 0;
  #meanStayMs = 0;
  /** When the last request that each venue was refused is to come back. */
  readonly #turns = new Map<VenueId, number>();

  learn(stayMs: number): void {
    this.#meanStayMs += (stayMs - this.#meanStayMs) * (this.#meanStayMs === 0 ? 1 : NEWEST_WEIGHT);
  }

  nextTurn(venueId: VenueId, nowMs: number): number {
    for (const [venue, turnMs] of this.#turns) if (turnMs <= nowMs) this.#turns.delete(venue);
    const afterMs = this.#turns.get(venueId) ?? nowMs;
    const waitingVenues = this.#turns.size + (this.#turns.has(venueId) ? 0 : 1);
    const freedEveryMs = Math.max(1, this.#meanStayMs / Math.max(1, this.held));
    const turnMs = Math.min(
      Math.max(afterMs + freedEveryMs * waitingVenues, nowMs + PAUSE_MS.shortest),
      nowMs + PAUSE_MS.longest,
    );
    this.#turns.set(venueId, turnMs);
    return Math.ceil(turnMs - nowMs);
  }
}
