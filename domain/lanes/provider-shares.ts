import type { VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';

/** The provider and venue whose work needs a slot. */
export interface SlotRequest {
  readonly provider: ProviderId;
  readonly venueId: VenueId;
}

export type SlotAnswer =
  | { readonly admitted: true; readonly leave: (nowMs: number) => void }
  /** The provider has used up its share. Ask again after `retryAfterMs`. */
  | { readonly admitted: false; readonly retryAfterMs: number };

/** A provider's part of a lane. */
export interface ShareUse {
  readonly held: number;
  /** How often it was refused because its share was taken. */
  readonly refused: number;
}

/** The slots of a lane and the number of providers it serves. */
export interface LaneSize {
  readonly slots: number;
  readonly providers: number;
}

/** The size of a lane in which a provider that works alone gets `slotsOfOne` slots. */
export const laneFor = (slotsOfOne: number, providers: number): LaneSize => ({
  slots: 2 * slotsOfOne + providers - 1,
  providers,
});

/** Bounds of the pause before a refused request is repeated. */
const PAUSE_MS = { shortest: 500, longest: 120_000 } as const;
/** Weight of the latest duration in a provider's mean duration. */
const NEWEST_WEIGHT = 0.2;

/**
 * Divides the slots of one lane among providers. Reserves one slot for each provider that holds none, so that a slot is
 * always free for it, however many others hang. Of the remaining slots a provider may hold only as many as stay free:
 * one alone gets half of them, the next half of the rest.
 *
 * A refused request gets a turn: venues rotate, each venue's requests keep arrival order, and each turn waits for one
 * slot that the provider is likely to free. So the number of refusals follows the speed of the work, not the length of
 * the backlog.
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

  /** Slots that nobody holds, those included that are kept for providers without one. */
  get free(): number {
    return this.#slots - this.#held;
  }

  /** What each provider holds that has ever asked, and how often it was refused. */
  get use(): ReadonlyMap<ProviderId, ShareUse> {
    return new Map([...this.#providers].map(([provider, { held, refused }]) => [provider, { held, refused }]));
  }

  ask({ provider, venueId }: SlotRequest, nowMs: number): SlotAnswer {
    const share = this.#shareOf(provider);
    if (share.held === 0) this.#withoutSlot -= 1;
    else if (share.held >= this.#slots - this.#held - this.#withoutSlot) {
      share.refused += 1;
      return { admitted: false, retryAfterMs: share.nextTurn(venueId, nowMs) };
    }
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
  refused = 0;
  #meanStayMs = 0;
  /** The latest turn given to each venue. */
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
