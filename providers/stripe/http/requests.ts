import type { Stripe } from 'stripe';
import type { z } from 'zod';
import { issuesOf, textAt } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { Call } from '../../provider.ts';
import { statusError, toProviderError, unexpectedResponse, unreadableObject } from '../errors.ts';
import { versionOfReading } from './lists.ts';

export interface Ask {
  /** One HTTP call and its answer, which has the shape that was asked for. Throws ProviderError. */
  <Schema extends z.ZodType>(
    schema: Schema,
    request: () => Promise<Stripe.Response<object>>,
  ): Promise<z.output<Schema>>;
  /** The version of a reading that was asked for at this time of ours. Only once its answer is there: that tells Stripe's time. */
  readonly versionOf: (askedAtMs: number) => number;
}

/** Every call of a session goes through `call`, and its answer is checked twice: the SDK resolves some failures, and a resolved body may still not be what was asked for. */
export function createAsk(
  call: Call,
  { platformKey }: { readonly platformKey: boolean } = { platformKey: false },
): Ask {
  let behindMs: number | null = null;
  // The least is the nearest, and never lets a later reading count as older than an earlier one.
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
 * How far Stripe's clock may be behind ours, less than nothing where it is ahead, and nothing where the answer does not say. `Date` is of whole
 * seconds and older than its arrival, so this is too much rather than too little: a reading that counts as too new would hide the changes that
 * follow it. One that counts as much too old would be ignored for an event that was read before it, and is the only one to tell what came between.
 */
function behindOf(headers: Readonly<Record<string, string>>): number {
  // The SDK's types promise an object, its fetch client hands on a Headers (stripe 23.1.0): this takes either.
  const dateMs = Date.parse(new Headers(headers).get('date') ?? '');
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

/** Whether the answer is one object of Stripe's, whatever its shape, rather than a list or what only a proxy would say. */
function isOneObject(body: unknown): boolean {
  const kind = textAt(body, 'object');
  return kind !== null && kind !== 'list' && kind !== 'search_result';
}

/** A platform's key that Stripe refuses is the operator's to mend, and must not ask every venue to connect again. */
function withoutBlame(error: unknown): unknown {
  const refused =
    error instanceof ProviderError && error.details.kind === 'needs-reauth' && error.details.httpStatus === 401;
  return refused ? new ProviderError({ ...error.details, kind: 'unavailable', code: 'invalid_client' }) : error;
}

/** What Stripe does not have, or has no longer, is no failure where that may be so. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.httpStatus === 404 && error.details.code === 'resource_missing')
      return null;
    throw error;
  }
}

/** The answer of an update. Throws where it says that the object is deleted, as Stripe does for one that is missing. */
export function stillThere<Answer extends { readonly deleted?: boolean | undefined }>(
  answer: Answer,
): Exclude<Answer, { readonly deleted: true }> {
  if (answer.deleted === true)
    throw new ProviderError({ provider: 'stripe', kind: 'rejected', httpStatus: 404, code: 'resource_missing' });
  return answer as Exclude<Answer, { readonly deleted: true }>;
}
