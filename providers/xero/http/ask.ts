import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { SessionOptions } from '../../provider.ts';
import { createTransport } from '../../http/transport.ts';
import type { CallLimits, Json } from '../../http/transport.ts';
import { withDayLimit, XERO_ERRORS } from '../errors.ts';
import { tenantOf } from '../organisation.ts';

/**
 * Xero knows a key for six minutes from the first call with it
 * (https://developer.xero.com/documentation/guides/idempotent-requests/idempotency, read 2026-11-29). One is left for
 * the way of a request.
 */
export const XERO_IDEMPOTENCY = { keyLifeMs: 5 * 60_000 };

/** For a page of 1,000 objects with their lines, and for all items of an organisation. */
const LIMITS: CallLimits = { timeoutMs: 60_000, maxBodyBytes: 48 * 1_024 * 1_024 };

export interface XeroCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** What follows the version in the path; ids in it are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Only what was changed since this second is answered. */
  readonly modifiedSinceEpochS?: number | null;
  readonly body?: Json;
  readonly idempotencyKey?: string;
  /** The answer holds one object, which alone may be unreadable. */
  readonly isOneObject?: true;
  /** In place of those for a page of objects. */
  readonly limits?: CallLimits;
}

/** Makes one HTTP call and returns its answer in the requested shape. Throws ProviderError. */
export type Ask = <Schema extends z.ZodType>(schema: Schema, call: XeroCall) => Promise<z.output<Schema>>;

/**
 * Records are read and written by calls of our own: Xero’s client loses what it does not know, resolves pages of a proxy
 * as empty answers, and makes floating-point numbers of amounts (xero-node 20.0.0). Numbers of an answer stay text.
 */
export function createAsk(
  apiUrl: string,
  { secretKey, onBehalfOf, call, signal = new AbortController().signal }: SessionOptions,
): Ask {
  const calls = { call: withDayLimit(call), signal };
  const transport = createTransport({
    provider: 'xero',
    calls,
    limits: LIMITS,
    errors: XERO_ERRORS,
    numbersAsText: true,
  });
  return async (schema, { method, path, query = {}, body, isOneObject, limits, ...headers }) => {
    const parameters = new URLSearchParams(query).toString();
    const url = `${apiUrl}/api.xro/2.0/${path}${parameters === '' ? '' : `?${parameters}`}`;
    const init = {
      method,
      headers: {
        authorization: `Bearer ${secretKey.expose()}`,
        'xero-tenant-id': tenantOf(onBehalfOf),
        // Without it Xero answers XML.
        accept: 'application/json',
        ...headersOf(headers),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    };
    const answer = await transport(url, init, limits).catch((error: unknown) => {
      throw headers.idempotencyKey === undefined ? error : keptUnderKey(error);
    });
    const { status, json, requestId } = answer;
    const unexpected = { provider: 'xero', kind: 'unexpected-response', httpStatus: status, requestId } as const;
    const parsed = schema.safeParse(answer.isEmpty ? null : json);
    if (parsed.success) return parsed.data;
    throw new ProviderError({
      ...unexpected,
      ...(isOneObject && json !== undefined && { unreadable: issuesOf(parsed.error) }),
    });
  };
}

/**
 * Xero keeps a 500 under its key for as long as any other answer
 * (https://developer.xero.com/documentation/guides/idempotent-requests/idempotency, read 2026-11-29): whether the write
 * was carried out is looked up at once, and it is sent again under another key.
 */
function keptUnderKey(error: unknown): unknown {
  if (!(error instanceof ProviderError)) return error;
  const { kind, httpStatus } = error.details;
  return kind === 'unavailable' && httpStatus === 500 ? new ProviderError({ ...error.details, replayed: true }) : error;
}

function headersOf({
  modifiedSinceEpochS: sinceS,
  idempotencyKey: key,
}: Pick<XeroCall, 'modifiedSinceEpochS' | 'idempotencyKey'>): Readonly<Record<string, string>> {
  return {
    ...(sinceS != null && { 'if-modified-since': new Date(sinceS * 1_000).toISOString().slice(0, 19) }),
    ...(key !== undefined && { 'idempotency-key': key }),
  };
}

/** A key for this key of ours and content, within the 128 characters that Xero takes. */
export const keyOf = (key: string, ...content: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([key, ...content]))
    .digest('hex');

/** For one object of Xero whose shape is not the requested one, as `issues` say. */
export const unreadableObject = (issues: string): ProviderError =>
  new ProviderError({ provider: 'xero', kind: 'unexpected-response', httpStatus: 200, unreadable: issues });

/** For an object that is not there, or is archived. */
export const missingObject = (): ProviderError =>
  new ProviderError({ provider: 'xero', kind: 'rejected', httpStatus: 404, code: 'not-found' });

/** Refuses a record before a call is made for it. */
export const refusal = (code: string, field: string): ProviderError =>
  new ProviderError({ provider: 'xero', kind: 'rejected', code, field });

/** Treats a missing object as null where it may be missing. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'rejected' && error.details.httpStatus === 404)
      return null;
    throw error;
  }
}
