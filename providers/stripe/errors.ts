import { Stripe } from 'stripe';
import { connectionFailureOf } from '../http/connection-failure.ts';
import { kindOfFault } from '../http/error-table.ts';
import type { ErrorTable, Fault } from '../http/error-table.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderErrorKind } from '../provider-error.ts';
import { retryAfterMs } from '../kit/retry-after.ts';
import { NOT_STRIPES } from './http/http-client.ts';

/**
 * Stripe's codes and types (https://docs.stripe.com/error-codes, read 2026-11-21). The status classifies everything
 * else: a 409 says that a call with the same key is in flight or that an object is locked.
 */
const STRIPE_ERRORS: Pick<ErrorTable, 'byCode'> = {
  byCode: {
    rate_limit: 'rate-limited',
    // Another request has the object: no limit of the account, though it comes with 429.
    lock_timeout: 'unavailable',
    // The key was used for another call.
    idempotency_error: { 409: 'unavailable', else: 'conflict' },
    // The account's owner has revoked the platform's access.
    account_invalid: 'needs-reauth',
  },
};

// A 2xx whose body is not JSON arrives as a StripeAPIError without a status (stripe 23.1.0, `_jsonResponseHandler`).
function kindOf(error: InstanceType<typeof Stripe.errors.StripeError>): ProviderErrorKind {
  if (error instanceof Stripe.errors.StripeConnectionError) return 'unavailable';
  if (error.statusCode === undefined) return 'unexpected-response';
  return kindOfFault(STRIPE_ERRORS, faultIn(error), error.statusCode);
}

function faultIn({ code, rawType }: InstanceType<typeof Stripe.errors.StripeError>): Fault {
  if (code === NOT_STRIPES) return 'foreign';
  return [code, rawType].filter((text) => text !== undefined);
}

/** A failed connection has no Stripe code. */
const codeOf = (error: InstanceType<typeof Stripe.errors.StripeError>): string | undefined =>
  error instanceof Stripe.errors.StripeConnectionError ? connectionFailureOf(error.detail) : word(error.code);

/**
 * The SDK's error for a decimal that it cannot parse is a plain one, and quotes the value (stripe 23.1.0,
 * `coerceV2ResponseData`).
 */
const isUnparsedNumber = (error: unknown): boolean =>
  error instanceof Error && /^Failed to coerce (decimal|int64)_string value/.test(error.message);

/** Turns whatever the SDK threw into a ProviderError. Quotes only Stripe's codes. */
export function toProviderError(error: unknown): unknown {
  if (isUnparsedNumber(error)) return unexpectedResponse(undefined);
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

/** For a failed answer that the SDK resolved as a success. */
export function statusError(httpStatus: number, requestId: string | undefined): ProviderError {
  return new ProviderError({
    provider: 'stripe',
    kind: kindOfFault(STRIPE_ERRORS, [], httpStatus),
    httpStatus,
    requestId,
  });
}

export function unexpectedResponse(requestId: string | undefined): ProviderError {
  return new ProviderError({ provider: 'stripe', kind: 'unexpected-response', httpStatus: 200, requestId });
}

/** For one Stripe object whose shape is not the requested one, as `issues` say. */
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
