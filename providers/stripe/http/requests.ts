import type { Stripe } from 'stripe';
import type { z } from 'zod';
import { issuesOf, textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { Call } from '../../provider.ts';
import { statusError, toProviderError, unexpectedResponse, unreadableObject } from '../errors.ts';
import { versionOfReading } from './lists.ts';

export interface Ask {
  /** Makes one HTTP call and returns its answer in the requested shape. Throws ProviderError. */
  <Schema extends z.ZodType>(
    schema: Schema,
    request: () => Promise<Stripe.Response<object>>,
  ): Promise<z.output<Schema>>;
  /**
   * The version of a reading requested at this time by our clock. Only valid after an answer, which tells Stripe's
   * time.
   */
  readonly versionOf: (askedAtMs: number) => number;
}

/**
 * Sends every call of a session through `call` and checks its answer twice: the SDK resolves some failures, and a
 * resolved body may still have another shape.
 */
export function createAsk(
  call: Call,
  { platformKey }: { readonly platformKey: boolean } = { platformKey: false },
): Ask {
  let behindMs: number | null = null;
  // The smallest difference is the most exact, and never lets a later reading count as older than an earlier one.
  const note = (found: number) => {
    behindMs = Math.min(found, behindMs ?? found);
  };
  return Object.assign(
    <Schema extends z.ZodType>(schema: Schema, request: () => Promise<Stripe.Response<object>>) =>
      call(() =>
        ask(schema, request, note).catch((error: unknown) => {
          throw platformKey ? withoutBlame(error) : error;
        }),
      ),
    {
      versionOf: (askedAtMs: number) => versionOfReading(askedAtMs - (behindMs ?? 0)),
    },
  );
}

/**
 * How far Stripe's clock may be behind ours; negative when it is ahead, 0 when the answer does not tell. `Date` has
 * whole seconds and is older than its arrival, so the result is rather too large. That is the safe side: a reading that
 * counts as too new would hide later changes. One that counts as much too old would lose to an event read before it,
 * although only the reading tells what happened in between.
 */
function behindOf(headers: Readonly<Record<string, string>>): number {
  const dateMs = Date.parse(headers['date'] ?? '');
  return Number.isNaN(dateMs) ? 0 : Date.now() - dateMs;
}

async function ask<Schema extends z.ZodType>(
  schema: Schema,
  request: () => Promise<Stripe.Response<object>>,
  noteBehind: (ms: number) => void,
): Promise<z.output<Schema>> {
  try {
    const body = await request();
    const { headers, statusCode, requestId } = body.lastResponse;
    noteBehind(behindOf(headers));
    if (statusCode >= 300) throw statusError(statusCode, requestId);
    const parsed = schema.safeParse(body);
    if (!parsed.success)
      throw isOneObject(body) ? unreadableObject(requestId, issuesOf(parsed.error)) : unexpectedResponse(requestId);
    return parsed.data;
  } catch (error) {
    throw toProviderError(error);
  }
}

/** Whether the answer is one Stripe object of any shape, and not a list or a proxy's page. */
function isOneObject(body: unknown): boolean {
  const kind = textAt(body, 'object');
  return kind !== null && kind !== 'list' && kind !== 'search_result';
}

/** A refused platform key is the operator's to fix, and must not ask every venue to connect again. */
function withoutBlame(error: unknown): unknown {
  const refused =
    error instanceof ProviderError && error.details.kind === 'needs-reauth' && error.details.httpStatus === 401;
  return refused ? new ProviderError({ ...error.details, kind: 'unavailable', code: 'invalid_client' }) : error;
}

/** Treats a missing object as null where it may be missing. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.httpStatus === 404 && error.details.code === 'resource_missing')
      return null;
    throw error;
  }
}

/** The answer of an update. Throws when the object is deleted, as Stripe does for a missing one. */
export function stillThere<Answer extends { readonly deleted?: boolean | undefined }>(
  answer: Answer,
): Exclude<Answer, { readonly deleted: true }> {
  if (answer.deleted === true)
    throw new ProviderError({ provider: 'stripe', kind: 'rejected', httpStatus: 404, code: 'resource_missing' });
  return answer as Exclude<Answer, { readonly deleted: true }>;
}
