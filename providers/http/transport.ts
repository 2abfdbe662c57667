import { patientTimeout } from './patient-timeout.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { cleanDeep } from '../../domain/reference/foreign-text.ts';
import { AddressNotAllowedError } from '../kit/address-guard.ts';
import { connectionFailureOf } from './connection-failure.ts';
import { accountRefusalOf, kindOfFault } from './error-table.ts';
import type { ErrorTable } from './error-table.ts';
import type { OAuthCalls } from '../oauth.ts';
import { ProviderError, leavesOutcomeOpen } from '../provider-error.ts';
import { retryAfterMs } from '../kit/retry-after.ts';

/** The limits of one call: its duration including the body, and the size of its answer. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/** Short, because a token call holds a connection's lease meanwhile. */
export const CALL_TIMEOUT_MS = 10_000;
/**
 * For token and account endpoints, whose answers are about a hundredth of that. Pages of records need limits of their
 * own.
 */
const DEFAULT_LIMITS: CallLimits = { timeoutMs: CALL_TIMEOUT_MS, maxBodyBytes: 1_000_000 };
/** The headers with the request id that support asks for: Stripe, Intuit, Square and Mailchimp, Xero. */
const REQUEST_ID_HEADERS = ['request-id', 'intuit_tid', 'x-request-id', 'xero-correlation-id'];

/** The ProviderError code for an address that may not be called from here: nothing was sent. */
export const ADDRESS_NOT_ALLOWED = 'address-not-allowed';

export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  /** Includes rate headers. */
  readonly headers: Headers;
  /** The JSON of the body; undefined when it is empty or not JSON. */
  readonly json: unknown;
  /** `json` when that is an object, otherwise null. */
  readonly body: Json | null;
  /** The answer has no body, such as a 204. */
  readonly isEmpty: boolean;
  /** For a 401: the provider itself refuses the token. A proxy's page says nothing about the token. */
  readonly refusesToken: boolean;
  readonly requestId: string | undefined;
}

/**
 * Makes one HTTP call. Throws ProviderError, or the reason of an aborted `signal`. `limits` replace the transport's
 * limits for this call.
 */
export type Transport = (url: string, init: RequestInit, limits?: Partial<CallLimits>) => Promise<Answer>;

export interface Target {
  readonly provider: ProviderId;
  readonly calls: OAuthCalls;
  /** The limits of calls that name none; ten seconds and a megabyte by default. */
  readonly limits?: Partial<CallLimits>;
  /** Replaces the global `fetch`; `guardedFetch` when a venue has entered the address. */
  readonly fetch?: typeof fetch;
  /** Gives every number of a body as text, digit by digit: a money amount never becomes a floating-point number. */
  readonly numbersAsText?: boolean;
  /** The classes of calls that all of them belong to. */
  readonly callClasses?: readonly string[];
  /** Classifies failures by the body first. Without it the caller handles the refusals that are not decided here. */
  readonly errors?: ErrorTable;
}

/**
 * Calls a provider's endpoints in place of each library's own client. One call is one HTTP request within its limits,
 * and follows no redirect, because a redirect would carry a secret to another host. Failures that no library has to see
 * are thrown here: no answer, a redirect, 429, and every status that leaves the outcome open.
 */
export function createTransport(target: Target): Transport {
  const { callClasses = [] } = target;
  return (url, init, limits) =>
    target.calls.call(
      async (heard) => {
        const received = await send(target, { url, init, ...DEFAULT_LIMITS, ...target.limits, ...limits });
        heard?.(received.headers);
        return judged(target, received);
      },
      { callClasses },
    );
}

function judged({ provider, errors, numbersAsText = false }: Target, received: Received): Answer {
  const { status, headers, text } = received;
  const requestId = requestIdOf(headers);
  const json = valueOf(text ?? '', numbersAsText);
  if (errors) throwFault(errors, json, received);
  refuse(provider, received, requestId);
  const body = isObject(json) ? json : null;
  const refusesToken = (status === 401 && body !== null) || isChallenge(status, headers);
  return { status, headers, json, body, isEmpty: text === '', refusesToken, requestId };
}

/**
 * Throws what the provider's table makes of the answer, unless the table finds no failure. The table does not explain
 * redirects.
 */
function throwFault(errors: ErrorTable, json: unknown, { status, headers, text }: Received): void {
  if (status < 200 || (status >= 300 && status < 400)) return;
  const told = errors.faultIn(json, status, text);
  if (told === null) return;
  // A 401 with a challenge is about the token, whatever its body looks like.
  const fault = told === 'foreign' && isChallenge(status, headers) ? [] : told;
  const kind = kindOfFault(errors, fault, status);
  const pauseMs = kind === 'rate-limited' ? errors.rateLimitPauseMs : undefined;
  throw new ProviderError({
    provider: errors.provider,
    kind,
    httpStatus: status,
    requestId: requestIdOf(headers),
    retryAfterMs: retryAfterMs(headers.get('retry-after')) ?? pauseMs,
    ...(fault !== 'foreign' && wordsOf(errors, fault, json)),
  });
}

/** What the provider's own words tell of a failure. */
const wordsOf = (errors: ErrorTable, fault: readonly string[], json: unknown) => ({
  code: word(fault[0]),
  field: word(errors.fieldIn?.(json)),
  ...accountRefusalOf(errors, fault),
});

const isChallenge = (status: number, headers: Headers) =>
  status === 401 && /^bearer\b/i.test(headers.get('www-authenticate') ?? '');

/** Throws for failures that no caller has to see. */
function refuse(provider: ProviderId, { status, headers, text }: Received, requestId: string | undefined): void {
  const details = { provider, httpStatus: status, requestId, retryAfterMs: retryAfterMs(headers.get('retry-after')) };
  if (status === 429) throw new ProviderError({ ...details, kind: 'rate-limited' });
  if (leavesOutcomeOpen(status)) throw new ProviderError({ ...details, kind: 'unavailable' });
  if (status < 200 || (status >= 300 && status < 400))
    throw new ProviderError({ ...details, kind: 'unexpected-response' });
  // An incomplete body would look like an unreadable answer.
  if (text === null && status < 300)
    throw new ProviderError({ ...details, kind: 'unexpected-response', code: 'body-too-large' });
}

/**
 * The transport as the `fetch` that a library takes. A success that is not JSON is thrown unless it is empty. A refusal
 * that is not JSON is passed on as `{}`, so that nothing of a proxy's page gets further. `objectsOnly`: the API answers
 * only with objects, so an empty success or a list is thrown too.
 */
export function fetchThrough(provider: ProviderId, transport: Transport, { objectsOnly = false } = {}): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    const { status, headers, json, body, isEmpty, requestId } = await transport(url, init ?? {});
    if (status >= 300) return Response.json(body ?? {}, { status, headers: passedOn(headers) });
    if (objectsOnly && body === null)
      throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status, requestId });
    if (isEmpty) return new Response(null, { status, headers: passedOn(headers) });
    if (json === undefined)
      throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status, requestId });
    return Response.json(json, { status, headers: passedOn(headers) });
  };
}

/** The body was decoded and is encoded again. */
function passedOn(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding', 'content-type']) kept.delete(name);
  return kept;
}

/** Codes are words; anything else might be personal data and is dropped. */
export function word(text: unknown): string | undefined {
  return typeof text === 'string' && /^[\w.-]{1,64}$/.test(text) ? text : undefined;
}

interface Received {
  readonly status: number;
  readonly headers: Headers;
  /** Null: larger than the call allows. */
  readonly text: string | null;
}

interface Sending extends CallLimits {
  readonly url: string;
  readonly init: RequestInit;
}

async function send(
  { provider, calls: { signal }, fetch: call = fetch }: Target,
  { url, init, timeoutMs, maxBodyBytes }: Sending,
): Promise<Received> {
  const timeout = patientTimeout(timeoutMs);
  try {
    const signals = [signal, timeout.signal, init.signal].filter((one) => one != null);
    const response = await call(url, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
    return { status: response.status, headers: response.headers, text: await textOf(response, maxBodyBytes) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AddressNotAllowedError)
      throw new ProviderError({ provider, kind: 'rejected', code: ADDRESS_NOT_ALLOWED });
    // The cause is dropped because it may quote the request.
    throw new ProviderError({
      provider,
      kind: 'unavailable',
      code: timeout.signal.aborted ? 'timeout' : connectionFailureOf(error),
    });
  } finally {
    timeout.clear();
  }
}

async function textOf(response: Response, maxBodyBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the reading and closes the connection.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** With cleaned text, so that everything in it can be stored. */
function valueOf(text: string, numbersAsText: boolean): unknown {
  try {
    const value = (numbersAsText ? JSON.parse(text, asWritten) : JSON.parse(text)) as unknown;
    return text.includes(ESCAPE) ? cleanDeep(value) : value;
  } catch {
    return undefined;
  }
}

/** The beginning of what has to be cleaned: JSON takes U+0000 only as an escape, and decoded UTF-8 has a lone surrogate only as one. */
const ESCAPE = '\\u';

/** A reviver that keeps the digits of a number (https://tc39.es/proposal-json-parse-with-source/, in Node 24). */
const asWritten = ((_key: string, value: unknown, { source }: { readonly source?: string }) =>
  typeof value === 'number' ? source : value) as (key: string, value: unknown) => unknown;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const requestIdOf = (headers: Headers): string | undefined =>
  REQUEST_ID_HEADERS.map((name) => word(headers.get(name))).find((id) => id !== undefined);
