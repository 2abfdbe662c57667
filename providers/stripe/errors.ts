import { Stripe } from 'stripe';
import { connectionFailureOf } from '../connection-failure.ts';
import { kindOfFault } from '../error-table.ts';
import type { ErrorTable, Fault } from '../error-table.ts';
import { ProviderError } from '../provider-error.ts';
import type { ProviderErrorKind } from '../provider-error.ts';
import { NOT_STRIPES } from './http/http-client.ts';

/** Codes and types of Stripe's own (https://docs.stripe.com/error-codes, read 2026-11-21). All else is as its status says: a 409 tells that a call with the same key is in flight, or that an object is locked. */
export const STRIPE_ERRORS: Pick<ErrorTable, 'byCode'> = {
  byCode: {
    rate_limit: 'rate-limited',
    // The key was used for another call.
    idempotency_error: { 409: 'unavailable', else: 'conflict' },
    // A platform that the account's owner has taken the access from.
    account_invalid: 'needs-reauth',
  },
};

// A 2xx whose body is no JSON reaches us as a StripeAPIError without a status (stripe 23.1.0, `_jsonResponseHandler`).
function kindOf(error: InstanceType<typeof Stripe.errors.StripeError>): ProviderErrorKind {
  if (error instanceof Stripe.errors.StripeConnectionError) return 'unavailable';
  if (error.statusCode === undefined) return 'unexpected-response';
  return kindOfFault(STRIPE_ERRORS, faultIn(error), error.statusCode);
}

function faultIn({ code, rawType }: InstanceType<typeof Stripe.errors.StripeError>): Fault {
  if (code === NOT_STRIPES) return 'foreign';
  return [code, rawType].filter((text) => text !== undefined);
}

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
