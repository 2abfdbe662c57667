/**
 * Stripe's error object, https://docs.stripe.com/api/errors (2026-11). Sending it adds `doc_url` and `request_log_url`.
 */
export interface FailureFields {
  readonly type: 'invalid_request_error' | 'idempotency_error' | 'api_error' | 'card_error';
  readonly code?: string;
  readonly message: string;
  readonly param?: string;
  /** For a declined card, with the payment it was for. */
  readonly charge?: string;
  readonly decline_code?: string;
  readonly payment_intent?: object;
}

/** A request that Stripe would refuse. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly status: number;
  readonly fields: FailureFields;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, fields: FailureFields, headers: Readonly<Record<string, string>> = {}) {
    super(fields.message);
    this.status = status;
    this.fields = fields;
    this.headers = headers;
  }
}

type Details = Pick<FailureFields, 'code' | 'param'>;

export function invalidRequest(message: string, details: Details = {}): Failure {
  return new Failure(400, { type: 'invalid_request_error', message, ...details });
}

/** A missing object answers 404 when it is the path's (`param` is `id`), and 400 when any other parameter names it. */
export function noSuch(kind: string, id: string, param: string): Failure {
  const status = param === 'id' ? 404 : 400;
  return new Failure(status, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${kind}: '${id}'`,
    param,
  });
}

export function unrecognisedUrl(method: string, path: string): Failure {
  return new Failure(404, {
    type: 'invalid_request_error',
    message: `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  });
}

/** `reason` becomes `Stripe-Rate-Limited-Reason`. Sends no Retry-After, because Stripe documents none for its 429s. */
export function rateLimited(reason: 'global-rate' | 'endpoint-rate'): Failure {
  return new Failure(
    429,
    {
      type: 'invalid_request_error',
      code: 'rate_limit',
      message: 'Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits.',
    },
    { 'stripe-rate-limited-reason': reason },
  );
}

/** Stripe's generic error for a status, used by injected faults. */
export function ofStatus(status: number, code?: string): Failure {
  if (status === 429) return withCode(rateLimited('global-rate'), code);
  const usual: Partial<Record<number, FailureFields>> = {
    401: { type: 'invalid_request_error', message: 'Invalid API Key provided.' },
    403: {
      type: 'invalid_request_error',
      message: 'The provided key does not have the required permissions for this endpoint.',
    },
    404: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such object.' },
    409: { type: 'idempotency_error', code: 'idempotency_key_in_use', message: IN_USE_MESSAGE },
  };
  const serverSide: FailureFields = { type: 'api_error', message: 'An unknown error occurred.' };
  const callerSide: FailureFields = { type: 'invalid_request_error', message: 'The request was refused.' };
  return withCode(new Failure(status, usual[status] ?? (status >= 500 ? serverSide : callerSide)), code);
}

export const IN_USE_MESSAGE =
  'There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through).';

function withCode(failure: Failure, code: string | undefined): Failure {
  return code === undefined ? failure : new Failure(failure.status, { ...failure.fields, code }, failure.headers);
}

/** The body as Stripe sends it. */
export function failureBody(failure: Failure, requestId: string): string {
  const { code, message, type, ...details } = failure.fields;
  return JSON.stringify({
    error: {
      ...(code !== undefined && { code, doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` }),
      message,
      ...details,
      request_log_url: `https://dashboard.stripe.com/test/logs/${requestId}`,
      type,
    },
  });
}
