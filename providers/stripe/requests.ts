import type { Stripe } from 'stripe';
import type { z } from 'zod';
import { ProviderError } from '../provider-error.ts';
import type { Call } from '../provider.ts';
import { statusError, toProviderError, unexpectedResponse } from './errors.ts';

/** One HTTP call and its answer, which has the shape that was asked for. Throws ProviderError. */
export type Ask = <Schema extends z.ZodType>(schema: Schema, request: () => Promise<Stripe.Response<object>>) => Promise<z.output<Schema>>;

/** Every call of a session goes through `call`, and its answer is checked twice: the SDK resolves some failures, and a resolved body may still not be what was asked for. */
export function createAsk(call: Call): Ask {
  return (schema, request) => call(() => ask(schema, request));
}

async function ask<Schema extends z.ZodType>(schema: Schema, request: () => Promise<Stripe.Response<object>>): Promise<z.output<Schema>> {
  try {
    const body = await request();
    const { statusCode, requestId } = body.lastResponse;
    if (statusCode >= 300) throw statusError(statusCode, requestId);
    const parsed = schema.safeParse(body);
    if (!parsed.success) throw unexpectedResponse(requestId);
    return parsed.data;
  } catch (error) {
    throw toProviderError(error);
  }
}

/** What Stripe does not have, or has no longer, is no failure where that may be so. */
export async function nullWhenMissing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderError && error.details.httpStatus === 404 && error.details.code === 'resource_missing') return null;
    throw error;
  }
}
