/** Doubles with each attempt up to the longest pause, because the brake may be on for a day. */
const PAUSE_MS = { first: 2_000, longest: 60_000 } as const;

/** How long a chunk waits before its next attempt while the operators' brake holds it. */
export const brakePauseMs = (attempt: number): number =>
  Math.min(PAUSE_MS.longest, PAUSE_MS.first * 2 ** Math.min(attempt - 1, 10));
