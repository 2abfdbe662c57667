import { z } from 'zod';

/** An account id. The default is the first account. */
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

/** The clock offset that the request asks for. */
export function offsetOf(move: z.output<typeof clockBody>): number {
  return 'offsetMs' in move ? move.offsetMs : Math.round(move.now - Date.now());
}
