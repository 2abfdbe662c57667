/** A held chunk looks again after this long, and after twice as long each time: the brake may be on for a day. */
const PAUSE_MS = { first: 2_000, longest: 60_000 } as const;

/** How long a chunk that the operators' brake holds waits before its next attempt. */
export const brakePauseMs = (attempt: number): number =>
  Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** Math.min(attempt - 1, 10));
