import type { Budget, Refusal, Reservation, ReserveRequest } from './budget.ts';

/** While calls wait for their turn anyway, a session reserves the slots of so long at once: each reservation is a statement. */
const AHEAD_MS = 100;
/** Beyond this wait many sessions share the account, and each reserves what it needs now. */
const MAX_WAIT_AHEAD_MS = 1_000;
/** A slot that is held and was due longer ago is lost, so that calls never make up for a long pause. */
const MAX_LATE_MS = 200;

export interface SlotsAhead {
  /** Takes the next slot, as `Budget.reserve` does. Calls that ask during a reservation share the next one. */
  take(): Promise<Reservation>;
  /** Gives up what was reserved, because the provider has refused a call. */
  giveUp(): void;
}

/** Reserves slots of one key of `budget` for the calls of a session, and holds those that were reserved ahead. */
export function createSlotsAhead(
  budget: Pick<Budget, 'reserveMany'>,
  key: string,
  request: ReserveRequest,
): SlotsAhead {
  let dueAtMs: number[] = [];
  let mostAtOnce = 1;
  let ahead = 1;
  let asking = 0;
  let underWay: Promise<Refusal | null> | null = null;

  async function reserve(): Promise<Refusal | null> {
    const reserved = await budget.reserveMany(key, {
      ...request,
      slots: Math.min(Math.max(asking, ahead), mostAtOnce),
    });
    if (!reserved.granted) return reserved;
    const nowMs = performance.now();
    const [firstInMs = 0] = reserved.dueInMs;
    mostAtOnce = Math.max(1, Math.floor(AHEAD_MS / reserved.slotMs));
    ahead = firstInMs > 0 && firstInMs <= MAX_WAIT_AHEAD_MS ? mostAtOnce : 1;
    // One of the past is for a call that waits now, however long the answer took: it must not count as late.
    dueAtMs.push(...reserved.dueInMs.map((ms) => nowMs + Math.max(0, ms)));
    return null;
  }

  /** How long to wait for the next slot that is held; null when there is none. */
  function useHeld(): number | null {
    const nowMs = performance.now();
    dueAtMs = dueAtMs.filter((ms) => nowMs - ms <= MAX_LATE_MS);
    const dueMs = dueAtMs.shift();
    return dueMs === undefined ? null : Math.max(0, Math.ceil(dueMs - nowMs));
  }

  return {
    async take() {
      asking += 1;
      try {
        for (;;) {
          const waitMs = useHeld();
          if (waitMs !== null) return { granted: true, waitMs };
          underWay ??= reserve().finally(() => {
            underWay = null;
          });
          const refusal = await underWay;
          if (refusal !== null) return refusal;
        }
      } finally {
        asking -= 1;
      }
    },

    giveUp() {
      dueAtMs = [];
    },
  };
}
