import { Stripe } from 'stripe';
import { connectionFailureOf } from '../connection-failure.ts';
import { ProviderError, leavesOutcomeOpen } from '../provider-error.ts';
import type { ProviderErrorKind } from '../provider-error.ts';
import { NOT_STRIPES } from './http/http-client.ts';

/** HTTP status → kind, for what no error class decides. */
function kindOfStatus(httpStatus: number | undefined): ProviderErrorKind {
  if (httpStatus === undefined) return 'unavailable';
  if (httpStatus === 401) return 'needs-reauth';
  if (httpStatus === 429) return 'rate-limited';
  // Stripe's own 409 tells that a call with the same key is in flight, or that an object is locked.
  if (leavesOutcomeOpen(httpStatus)) return 'unavailable';
  return httpStatus >= 400 ? 'rejected' : 'unexpected-response';
}

// A 2xx whose body is no JSON reaches us as a StripeAPIError without a status (stripe 23.1.0, `_jsonResponseHandler`).
function kindOf(error: InstanceType<typeof Stripe.errors.StripeError>): ProviderErrorKind {
  if (error instanceof Stripe.errors.StripeConnectionError) return 'unavailable';
  if (error instanceof Stripe.errors.StripeRateLimitError || error.code === 'rate_limit') return 'rate-limited';
  if (error instanceof Stripe.errors.StripeIdempotencyError && error.statusCode !== 409) return 'conflict';
  // A platform that the account's owner has taken the access from (https://docs.stripe.com/error-codes#account-invalid, read 2026-11-21).
  if (error.code === 'account_invalid') return 'needs-reauth';
  if (error.statusCode === undefined) return 'unexpected-response';
  const kind = kindOfStatus(error.statusCode);
  return error.code === NOT_STRIPES && REFUSALS.has(kind) ? 'unexpected-response' : kind;
}

/** Of a key or a record. Only Stripe can make one. */
const REFUSALS: ReadonlySet<ProviderErrorKind> = new Set(['rejected', 'needs-reauth']);

/** A connection's failure has no code of Stripe's. */
const codeOf = (error: InstanceType<typeof Stripe.errors.StripeError>): string | undefined =>
  error instanceof Stripe.errors.StripeConnectionError ? connectionFailureOf(error.detail) : word(error.code);

/** Turns whatever the SDK threw into the one error of this room. Quotes nothing that Stripe wrote but its codes. */
export function toProviderError(error: unknown): unknown {
  if (error instanceof ProviderError || !(error instanceof Stripe.errors.StripeError)) return error;
  return new ProviderError({
    provider: 'stripe',
    kind: kindOf(error),
    httpStatus: error.statusCode,
    code: codeOf(error),
    field: word(error.param),
    requestId: error.requestId,
    retryAfterMs: retryAfterMs(error.headers?.['retry-after']),
    replayed: error.headers?.['idempotent-replayed'] === 'true',
  });
}

/** For an answer that the SDK resolved although its status says that it failed. */
export function statusError(httpStatus: number, requestId: string | undefined): ProviderError {
  return new ProviderError({ provider: 'stripe', kind: kindOfStatus(httpStatus), httpStatus, requestId });
}

export function unexpectedResponse(requestId: string | undefined): ProviderError {
  return new ProviderError({ provider: 'stripe', kind: 'unexpected-response', httpStatus: 200, requestId });
}

/** For an answer that is an object of Stripe's, as `issues` say not of the shape that was asked for. */
export function unreadableObject(requestId: string | undefined, issues: string): ProviderError {
  return new ProviderError({
    provider: 'stripe',
    kind: 'unexpected-response',
    httpStatus: 200,
    requestId,
    unreadable: issues,
  });
}

/** Codes and parameter names are words; anything else might be a customer's data and is dropped. */
function word(text: string | undefined): string | undefined {
  return text !== undefined && /^[a-z0-9_[\].]{1,64}$/i.test(text) ? text : undefined;
}

function retryAfterMs(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return header !== undefined && seconds > 0 ? seconds * 1_000 : undefined;
}
