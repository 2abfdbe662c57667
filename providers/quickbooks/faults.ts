import { z } from 'zod';
import type { Json } from '../http/transport.ts';
import { word } from '../http/transport.ts';

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
  /** The property that QuickBooks names, such as `PrimaryEmailAddr`. */
  readonly element?: string | undefined;
}

const error = z.object({
  code: z.coerce
    .string()
    .regex(/^\d{1,10}$/)
    .optional()
    .catch(undefined),
  element: z.string().optional().catch(undefined),
});
// The accounting service writes `Fault`, the gateway in front of it `fault`.
const faultSchema = z.object({
  Error: z.array(error).optional().catch(undefined),
  error: z.array(error).optional().catch(undefined),
  type: z.string().optional().catch(undefined),
});

/** The deepest place of a fault: `CDCResponse[]`, `QueryResponse[]` (IPPCDCResponse and IPPQueryResponse of QuickBooks-V3-PHP-SDK). */
const MAX_DEPTH = 5;

/**
 * The fault in an answer of any status. QuickBooks may send one with 200, inside the response or inside an item of it
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/error-codes, read 2026-11-28). Null:
 * there is none.
 */
export function faultIn(body: Json | null): Fault | null {
  const found = search(body, MAX_DEPTH);
  if (found === null) return null;
  const { data } = faultSchema.safeParse(found);
  const [first] = data?.Error ?? data?.error ?? [];
  return { code: first?.code, type: word(data?.type), element: word(first?.element) };
}

/**
 * The fault in a body that is not JSON: the gateway has sent XML and plain text to clients that accept JSON alone
 * (https://developer.intuit.com/app/developer/qbo/docs/learn/limits-and-throttles, read 2026-11-28). Null: there is none.
 */
export function faultInText(text: string): Fault | null {
  const [, inXml] = /<Error code="0*(\d{1,10})"/.exec(text) ?? [];
  const [, inWords] = /errorCode=0*(\d{1,10})/.exec(text) ?? [];
  const [, type] = /<Fault type="(\w{1,64})"/.exec(text) ?? [];
  const code = inXml ?? inWords;
  return code === undefined && type === undefined ? null : { code, type };
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
