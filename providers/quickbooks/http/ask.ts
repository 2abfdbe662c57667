import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { issuesOf } from '../../items.ts';
import type { ErrorTable } from '../../http/error-table.ts';
import { ProviderError } from '../../provider-error.ts';
import type { SessionOptions } from '../../provider.ts';
import { createTransport } from '../../http/transport.ts';
import type { CallLimits, Json } from '../../http/transport.ts';
import { CALL_CLASS } from './limits.ts';
import { MINOR_VERSION, realmOf } from '../company.ts';
import { QUICKBOOKS_BATCH_ERRORS, QUICKBOOKS_ERRORS } from '../errors.ts';

/**
 * QuickBooks documents no end of a `requestid`. An hour is relied on; after that the object is looked up by its name
 * (https://blogs.intuit.com/2015/04/06/15346/, read 2026-11-28).
 */
export const QUICKBOOKS_IDEMPOTENCY = { keyLifeMs: 3_600_000 };

/** For a page of 1,000 objects; QuickBooks itself gives up after two minutes. */
const LIMITS: CallLimits = { timeoutMs: 60_000, maxBodyBytes: 32 * 1_024 * 1_024 };

export interface QuickBooksCall {
  readonly method: 'GET' | 'POST';
  /** What follows the company in the path; ids in it are encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** The answer holds one object, which alone may be unreadable. */
  readonly isOneObject?: true;
  /** In place of those for a page of objects. */
  readonly limits?: CallLimits;
}

/** Makes one HTTP call and returns its answer in the requested shape. Throws ProviderError. */
export type Ask = <Schema extends z.ZodType>(schema: Schema, call: QuickBooksCall) => Promise<z.output<Schema>>;

/**
 * Records are read and written by calls of our own: Intuit's client loses the status of a failure (intuit-oauth 4.2.5), and
 * node-quickbooks 2.0.50 keeps its address in a global. Numbers of an answer stay text.
 */
export function createAsk(
  apiUrl: string,
  { secretKey, onBehalfOf, call, signal = new AbortController().signal }: SessionOptions,
): Ask {
  const transportWith = (errors: ErrorTable, ...callClasses: readonly string[]) =>
    createTransport({
      ...{ provider: 'quickbooks', calls: { call, signal }, limits: LIMITS, errors, numbersAsText: true, callClasses },
    });
  const transports = {
    read: transportWith(QUICKBOOKS_ERRORS, CALL_CLASS.read),
    write: transportWith(QUICKBOOKS_ERRORS),
    batch: transportWith(QUICKBOOKS_BATCH_ERRORS, CALL_CLASS.batch),
  };
  return async (schema, { method, path, query = {}, body, isOneObject, limits }) => {
    const transport = transports[path === 'batch' ? 'batch' : method === 'GET' ? 'read' : 'write'];
    const parameters = new URLSearchParams({ minorversion: MINOR_VERSION, ...query });
    const {
      status,
      body: answer,
      requestId,
    } = await transport(
      `${apiUrl}/v3/company/${realmOf(onBehalfOf)}/${path}?${parameters.toString()}`,
      {
        method,
        headers: {
          authorization: `Bearer ${secretKey.expose()}`,
          accept: 'application/json',
          ...(body && { 'content-type': 'application/json' }),
        },
        ...(body && { body: JSON.stringify(body) }),
      },
      limits,
    );
    const unexpected = { provider: 'quickbooks', kind: 'unexpected-response', httpStatus: status, requestId } as const;
    if (answer === null) throw new ProviderError(unexpected);
    const parsed = schema.safeParse(answer);
    if (!parsed.success)
      throw new ProviderError({ ...unexpected, ...(isOneObject && { unreadable: issuesOf(parsed.error) }) });
    return parsed.data;
  };
}

/** A `requestid` for this key and content: at most 36 characters, which a batch takes. */
export const requestIdOf = (key: string, ...content: readonly string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([key, ...content]))
    .digest('hex')
    .slice(0, 36);

/** For one QuickBooks object whose shape is not the requested one, as `issues` say. */
export const unreadableObject = (issues: string): ProviderError =>
  new ProviderError({ provider: 'quickbooks', kind: 'unexpected-response', httpStatus: 200, unreadable: issues });

/** For an object that is not there, or is inactive. */
export const missingObject = (): ProviderError =>
  new ProviderError({ provider: 'quickbooks', kind: 'rejected', httpStatus: 404, code: OBJECT_NOT_FOUND });

/** https://developer.intuit.com/app/developer/qbo/docs/develop/troubleshooting/handling-common-errors, read 2026-11-28. */
export const OBJECT_NOT_FOUND = '610';

/** Treats a missing object as null where it may be missing. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.kind === 'rejected' && error.details.code === OBJECT_NOT_FOUND)
      return null;
    throw error;
  }
}
