import { z } from 'zod';

/** An account id; the first account when absent. */
export const account = z.string().optional();

export const accountQuery = z.strictObject({ account });

export const callsQuery = z.strictObject({ since: z.coerce.number().min(0).default(0), account });

export const resetBody = z.strictObject({ account });

/** `now` is milliseconds since the epoch or an ISO time. */
export const clockBody = z.union([
  z.strictObject({ offsetMs: z.int() }),
  z.strictObject({
    now: z.union([z.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]),
  }),
]);

/** The offset that a request to move the clock asks for. */
export function offsetOf(move: z.output<typeof clockBody>): number {
  return 'offsetMs' in move ? move.offsetMs : Math.round(move.now - Date.now());
}
