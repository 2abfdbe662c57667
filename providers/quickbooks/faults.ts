import { z } from 'zod';
import type { Json } from '../transport.ts';
import { word } from '../transport.ts';

/**
 * The parts of a fault that leave this file. Its message and detail do not: the detail of an expired token quotes the
 * token.
 */
export interface Fault {
  /** QuickBooks’ number, such as `6190`. */
  readonly code: string | undefined;
  /**
   * `ValidationFault`, `AuthenticationFault`, `SystemFault`; from the gateway `AUTHENTICATION`, `THROTTLE`, `SERVICE`.
   */
  readonly type: string | undefined;
}

const error = z.object({
  code: z.coerce
    .string()
    .regex(/^\d{1,10}$/)
    .optional()
    .catch(undefined),
});
// The accounting service writes `Fault`, the gateway in front of it `fault`.
const faultSchema = z.object({
  Error: z.array(error).optional().catch(undefined),
  error: z.array(error).optional().catch(undefined),
  type: z.string().optional().catch(undefined),
});

/** Deeper than any known nesting: `IntuitResponse`, `BatchItemResponse[]`, `QueryResponse`. */
const MAX_DEPTH = 4;

/**
 * The fault in an answer of any status. QuickBooks may send one with 200, inside the response or inside an item of it
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes, read 2026-11-28). Null:
 * there is none.
 */
export function faultIn(body: Json | null): Fault | null {
  const found = search(body, MAX_DEPTH);
  if (found === null) return null;
  const { data } = faultSchema.safeParse(found);
  return { code: (data?.Error ?? data?.error)?.[0]?.code, type: word(data?.type) };
}

function search(value: unknown, depth: number): object | null {
  if (typeof value !== 'object' || value === null || depth === 0) return null;
  for (const [name, member] of Object.entries(value) as [string, unknown][]) {
    if ((name === 'Fault' || name === 'fault') && typeof member === 'object' && member !== null) return member;
    const inside = search(member, depth - 1);
    if (inside) return inside;
  }
  return null;
}
