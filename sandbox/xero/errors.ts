import { randomUUID } from 'node:crypto';
import { json, Refusal } from '../oauth/exchange.ts';
import type { Reply } from '../oauth/exchange.ts';

/** An error of the token endpoint (RFC 6749 section 5.2). */
export const oauthError = (status: number, error: string): Refusal => new Refusal(json({ error }, { status }));

const TITLES: Readonly<Partial<Record<number, string>>> = { 401: 'Unauthorized', 403: 'Forbidden' };

/** A refusal by the gateway in front of the API. `Detail` says why in one word, sometimes with a sentence behind it. */
const gatewayRefusal = (status: number, detail: string): Reply =>
  json(
    {
      Type: null,
      Title: TITLES[status] ?? 'An error occurred',
      Status: status,
      Detail: detail,
      Instance: randomUUID(),
      Extensions: {},
    },
    { status },
  );

export const tokenExpired = (): Refusal =>
  new Refusal(gatewayRefusal(401, 'TokenExpired: token expired at 11/29/2026 00:00:00'));
export const tokenInvalid = (): Refusal => new Refusal(gatewayRefusal(401, 'TokenInvalidSignature'));
/** For a token without the scope of the resource. */
export const scopeMissing = (): Refusal => new Refusal(gatewayRefusal(401, 'AuthorizationUnsuccessful'));
/** For an organisation that is not, or no longer, connected. */
export const notConnected = (): Refusal => new Refusal(gatewayRefusal(403, 'AuthenticationUnsuccessful'));

/** Xero answers 404 in plain text. */
export const notFound = (): Reply => ({
  status: 404,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: "The resource you're looking for cannot be found",
  changes: [],
});

export interface ValidationError {
  readonly Message: string;
}

/** One refused element of a request: as it was sent, with what is wrong. */
export type RefusedElement = Readonly<Record<string, unknown>> & {
  readonly ValidationErrors: readonly ValidationError[];
};

/** A request that is refused as a whole. */
export const validationException = (elements: readonly RefusedElement[]): Reply =>
  json(
    {
      ErrorNumber: 10,
      Type: 'ValidationException',
      Message: 'A validation exception occurred',
      Elements: elements,
    },
    { status: 400 },
  );

/** A refusal of a request's form, such as a query that cannot be read. */
export const badRequest = (type: string, message: string): Refusal =>
  new Refusal(
    json({ ErrorNumber: type === 'QueryParseException' ? 16 : 17, Type: type, Message: message }, { status: 400 }),
  );

/** Limits answer without a body. `problem` names the window (https://developer.xero.com/faq/limits, 2026-11). */
export const throttled = (
  problem: 'minute' | 'day' | 'concurrent' | 'appminute',
  retryAfterS: number | null,
): Reply => ({
  status: 429,
  headers: {
    'x-rate-limit-problem': problem,
    ...(retryAfterS !== null && { 'retry-after': String(retryAfterS) }),
  },
  body: '',
  changes: [],
});

/** Xero's generic error for a status. `code` is the `Detail` of a refusal by the gateway. */
export function ofStatus(status: number, code?: string): Reply {
  if (status === 404) return notFound();
  if (status === 429) return throttled('minute', 1);
  if (status === 401 || status === 403)
    return gatewayRefusal(status, code ?? (status === 401 ? 'TokenInvalidSignature' : 'AuthenticationUnsuccessful'));
  if (status === 503)
    return {
      status,
      headers: { 'content-type': 'text/plain' },
      body: 'The organisation is offline or the service is being maintained',
      changes: [],
    };
  return json(
    { ErrorNumber: status, Type: code ?? 'InternalErrorException', Message: 'An error occurred in Xero.' },
    { status },
  );
}
