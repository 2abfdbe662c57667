import type { z } from 'zod';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { SessionOptions } from '../../provider.ts';
import { createTransport } from '../../http/transport.ts';
import type { CallLimits, Json } from '../../http/transport.ts';
import { SQUARE_ERRORS } from '../errors.ts';

/**
 * The version of Square's API that this adapter speaks: the one that the SDK sends (square 46.0.0, Client.js). A
 * version is never retired once an app uses it, but its endpoints may be
 * (https://developer.squareup.com/docs/build-basics/versioning-overview, read 2026-11-28).
 */
export const SQUARE_VERSION = '2026-09-16';

/**
 * Square publishes no time for which it keeps idempotency keys, as its staff say
 * (https://developer.squareup.com/forums/t/how-long-are-idempotency-keys-retained-for-the-createpayment-endpoint/28303,
 * read 2026-11-28). An hour is relied on; after that our own reference is looked up.
 */
export const SQUARE_IDEMPOTENCY = { keyLifeMs: 3_600_000 };

/** For a page of whole objects with hundreds of parts each. */
const LIMITS: CallLimits = { timeoutMs: 30_000, maxBodyBytes: 32 * 1_024 * 1_024 };

export interface SquareCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Starts with `/v2/`; ids in it are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | null>>;
  readonly body?: Json;
  /** The answer holds one object, which alone may be unreadable. */
  readonly isOneObject?: true;
}

/** Makes one HTTP call and returns its answer in the requested shape. Throws ProviderError. */
export type Ask = <Schema extends z.ZodType>(schema: Schema, call: SquareCall) => Promise<z.output<Schema>>;

/**
 * Records are read from Square's JSON and not through the SDK, whose parser turns integers into BigInts and throws for
 * the whole page when one object has a fraction in such a place (square 46.0.0, core/schemas/builders/bigint).
 */
export function createAsk(
  apiUrl: string,
  { secretKey, call, signal = new AbortController().signal }: SessionOptions,
): Ask {
  const transport = createTransport({
    provider: 'square',
    calls: { call, signal },
    limits: LIMITS,
    errors: SQUARE_ERRORS,
  });
  return async (schema, { method, path, query = {}, body, isOneObject }) => {
    const {
      status,
      body: answer,
      requestId,
    } = await transport(`${apiUrl}${path}${queryOf(query)}`, {
      method,
      headers: {
        authorization: `Bearer ${secretKey.expose()}`,
        'square-version': SQUARE_VERSION,
        accept: 'application/json',
        // Without it a null may clear nothing (https://developer.squareup.com/reference/square/customers-api/update-customer, read 2026-11-28).
        ...(body && { 'content-type': 'application/json', 'x-clear-null': 'true' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const unexpected = { provider: 'square', kind: 'unexpected-response', httpStatus: status, requestId } as const;
    // Every Square answer is an object.
    if (answer === null) throw new ProviderError(unexpected);
    const parsed = schema.safeParse(answer);
    if (!parsed.success)
      throw new ProviderError({ ...unexpected, ...(isOneObject && { unreadable: issuesOf(parsed.error) }) });
    return parsed.data;
  };
}

function queryOf(query: NonNullable<SquareCall['query']>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== null) parameters.set(name, value);
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** For one Square object whose shape is not the requested one, as `issues` say. */
export const unreadableObject = (issues: string): ProviderError =>
  new ProviderError({ provider: 'square', kind: 'unexpected-response', httpStatus: 200, unreadable: issues });

/** Treats a missing object as null where it may be missing. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.httpStatus === 404 && error.details.code === 'NOT_FOUND')
      return null;
    throw error;
  }
}
