import type { ProviderId } from '../contracts/providers.ts';
import { cleanDeep } from '../domain/reference/foreign-text.ts';
import { AddressNotAllowedError } from './kit/address-guard.ts';
import { connectionFailureOf } from './connection-failure.ts';
import { kindOfFault } from './error-table.ts';
import type { ErrorTable } from './error-table.ts';
import type { OAuthCalls } from './oauth.ts';
import { ProviderError, leavesOutcomeOpen } from './provider-error.ts';

/** What one call may take: its time, body included, and the size of its answer. */
export interface CallLimits {
  readonly timeoutMs: number;
  readonly maxBodyBytes: number;
}

/** A token call holds a connection's lock meanwhile. */
export const CALL_TIMEOUT_MS = 10_000;
/** For token and account endpoints, whose answers have a hundredth of that. Pages of records need limits of their own. */
const DEFAULT_LIMITS: CallLimits = { timeoutMs: CALL_TIMEOUT_MS, maxBodyBytes: 1_000_000 };
/** What their support asks for: Stripe, Intuit, Square and Mailchimp. */
const REQUEST_ID_HEADERS = ['request-id', 'intuit_tid', 'x-request-id'];

/** A ProviderError's code for an address that may not be called from here: nothing was sent. */
export const ADDRESS_NOT_ALLOWED = 'address-not-allowed';

export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  /** Its rate headers, for one. */
  readonly headers: Headers;
  /** Whatever JSON it holds; undefined: empty, or no JSON. */
  readonly json: unknown;
  /** `json` where that is an object, else null. */
  readonly body: Json | null;
  /** It has no body, as a 204 has none. */
  readonly isEmpty: boolean;
  /** Of a 401: the provider itself refuses the token. A proxy's page says nothing about it. */
  readonly refusesToken: boolean;
  readonly requestId: string | undefined;
}

/** One HTTP call. Throws ProviderError, or what `signal` was aborted with. `limits` are the call's own, in place of the transport's. */
export type Transport = (url: string, init: RequestInit, limits?: Partial<CallLimits>) => Promise<Answer>;

export interface Target {
  readonly provider: ProviderId;
  readonly calls: OAuthCalls;
  /** Of every call that names none; ten seconds and a megabyte by default. */
  readonly limits?: Partial<CallLimits>;
  /** In place of the global one: `guardedFetch` where a venue has entered the address. */
  readonly fetch?: typeof fetch;
  /** Classifies what fails, by the body first. Without one the caller looks at the refusals that are not decided here. */
  readonly errors?: ErrorTable;
}

/**
 * The way to a provider's endpoints, in place of each library's own: one call is one HTTP request, within its limits, that
 * follows no redirect, since it would carry a secret to another host. Whatever no library has to look at is decided here: no answer,
 * a redirect, 429 and whatever leaves the outcome open are thrown.
 */
export function createTransport(target: Target): Transport {
  return (url, init, limits) =>
    target.calls.call(async (heard) => {
      const received = await send(target, { url, init, ...DEFAULT_LIMITS, ...target.limits, ...limits });
      heard?.(received.headers);
      return judged(target, received);
    });
}

function judged({ provider, errors }: Target, received: Received): Answer {
  const { status, headers, text } = received;
  const requestId = requestIdOf(headers);
  const json = valueOf(text ?? '');
  if (errors) throwFault(errors, json, received);
  refuse(provider, received, requestId);
  const body = isObject(json) ? json : null;
  const refusesToken = (status === 401 && body !== null) || isChallenge(status, headers);
  return { status, headers, json, body, isEmpty: text === '', refusesToken, requestId };
}

/** Throws what the provider's table makes of the answer, unless that is none of a failure. Redirects are not the provider's to explain. */
function throwFault(errors: ErrorTable, json: unknown, { status, headers }: Received): void {
  if (status < 200 || (status >= 300 && status < 400)) return;
  const told = errors.faultIn(json, status);
  if (told === null) return;
  // A token that is refused with a challenge is refused by whoever guards it, whatever the body looks like.
  const fault = told === 'foreign' && isChallenge(status, headers) ? [] : told;
  throw new ProviderError({
    provider: errors.provider,
    kind: kindOfFault(errors, fault, status),
    httpStatus: status,
    code: fault === 'foreign' ? undefined : word(fault[0]),
    field: fault === 'foreign' ? undefined : word(errors.fieldIn?.(json)),
    requestId: requestIdOf(headers),
    retryAfterMs: retryAfterMs(headers),
  });
}

const isChallenge = (status: number, headers: Headers) =>
  status === 401 && /^bearer\b/i.test(headers.get('www-authenticate') ?? '');

/** Throws for what no caller has to look at. */
function refuse(provider: ProviderId, { status, headers, text }: Received, requestId: string | undefined): void {
  const details = { provider, httpStatus: status, requestId, retryAfterMs: retryAfterMs(headers) };
  if (status === 429) throw new ProviderError({ ...details, kind: 'rate-limited' });
  if (leavesOutcomeOpen(status)) throw new ProviderError({ ...details, kind: 'unavailable' });
  if (status < 200 || (status >= 300 && status < 400))
    throw new ProviderError({ ...details, kind: 'unexpected-response' });
  // Without its end it would look like an answer that cannot be read.
  if (text === null && status < 300)
    throw new ProviderError({ ...details, kind: 'unexpected-response', code: 'body-too-large' });
}

/**
 * The transport as the `fetch` that a library takes. A success that is no JSON is thrown unless it is empty; a refusal that is none comes as `{}`, so
 * that nothing of a proxy's page gets further. `objectsOnly`: the API answers with objects alone, so that an empty success or a list is thrown too.
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

/** The body has been decoded and is written anew. */
function passedOn(headers: Headers): Headers {
  const kept = new Headers(headers);
  for (const name of ['content-length', 'content-encoding', 'transfer-encoding', 'content-type']) kept.delete(name);
  return kept;
}

/** Codes are words; anything else might be somebody's data and is dropped. */
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
  const timeout = AbortSignal.timeout(timeoutMs);
  try {
    const signals = [signal, timeout, init.signal].filter((one) => one != null);
    const response = await call(url, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
    return { status: response.status, headers: response.headers, text: await textOf(response, maxBodyBytes) };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof AddressNotAllowedError)
      throw new ProviderError({ provider, kind: 'rejected', code: ADDRESS_NOT_ALLOWED });
    // The cause is left behind: it may quote the request.
    throw new ProviderError({
      provider,
      kind: 'unavailable',
      code: timeout.aborted ? 'timeout' : connectionFailureOf(error),
    });
  }
}

async function textOf(response: Response, maxBodyBytes: number): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Reading stops, and the connection with it, when the loop is left.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBodyBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** With its text cleaned: from here on everything in it can be stored. */
function valueOf(text: string): unknown {
  try {
    return cleanDeep(JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const requestIdOf = (headers: Headers): string | undefined =>
  REQUEST_ID_HEADERS.map((name) => word(headers.get(name))).find((id) => id !== undefined);

/** In seconds, or as a date (RFC 9110, section 10.2.3). */
function retryAfterMs(headers: Headers): number | undefined {
  const header = headers.get('retry-after');
  if (header === null) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : undefined;
}
