import type { ProviderId } from '../contracts/providers.ts';
import { cleanDeep } from '../domain/foreign-text.ts';
import { connectionFailureOf } from './connection-failure.ts';
import type { OAuthCalls } from './oauth.ts';
import { ProviderError, leavesOutcomeOpen } from './provider-error.ts';

/** Of the whole call, its body included. A token call holds a connection's lock meanwhile. */
export const CALL_TIMEOUT_MS = 10_000;
/** A hundred times what any of these answers has. */
const MAX_BODY_BYTES = 1_000_000;
/** What their support asks for: Stripe, Intuit, Square and Mailchimp. */
const REQUEST_ID_HEADERS = ['request-id', 'intuit_tid', 'x-request-id'];

export type Json = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  /** Null: empty, or no JSON object. */
  readonly body: Json | null;
  /** Of a 401: the provider itself refuses the token. A proxy's page says nothing about it. */
  readonly refusesToken: boolean;
  readonly requestId: string | undefined;
}

/** One HTTP call. Throws ProviderError, or what `signal` was aborted with. */
export type Transport = (url: string, init: RequestInit) => Promise<Answer>;

export interface Target {
  readonly provider: ProviderId;
  readonly calls: OAuthCalls;
}

/**
 * The way to a provider's OAuth and account endpoints, in place of each library's own: one call is one HTTP request, within ten seconds, that
 * follows no redirect, since it would carry a secret to another host. Whatever no library has to look at is decided here: no answer,
 * a redirect, 429 and whatever leaves the outcome open are thrown.
 */
export function createTransport(target: Target): Transport {
  return (url, init) => target.calls.call(async () => judged(target.provider, await send(target, url, init)));
}

function judged(provider: ProviderId, { status, headers, text }: Received): Answer {
  const requestId = requestIdOf(headers);
  const details = { provider, httpStatus: status, requestId, retryAfterMs: retryAfterMs(headers) };
  if (status === 429) throw new ProviderError({ ...details, kind: 'rate-limited' });
  if (leavesOutcomeOpen(status)) throw new ProviderError({ ...details, kind: 'unavailable' });
  if (status < 200 || (status >= 300 && status < 400)) throw new ProviderError({ ...details, kind: 'unexpected-response' });
  const body = objectOf(text);
  const refusesToken = status === 401 && (body !== null || /^bearer\b/i.test(headers.get('www-authenticate') ?? ''));
  return { status, body, refusesToken, requestId };
}

/**
 * The transport as the `fetch` that a library takes. A success that is no JSON object is thrown; a refusal that is none comes as `{}`, so that
 * nothing of a proxy's page gets further. `amend` changes what the library is to see.
 */
export function fetchThrough(provider: ProviderId, transport: Transport, amend: (body: Json) => Json = (body) => body): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : input.toString();
    const { status, body, requestId } = await transport(url, init ?? {});
    if (status < 300 && body === null) throw new ProviderError({ provider, kind: 'unexpected-response', httpStatus: status, requestId });
    return Response.json(status < 300 && body ? amend(body) : (body ?? {}), { status });
  };
}

/** Codes are words; anything else might be somebody's data and is dropped. */
export function word(text: unknown): string | undefined {
  return typeof text === 'string' && /^[\w.-]{1,64}$/.test(text) ? text : undefined;
}

interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

async function send({ provider, calls: { signal } }: Target, url: string, init: RequestInit): Promise<Received> {
  const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
  try {
    const signals = [signal, timeout, init.signal].filter((one) => one != null);
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
    return { status: response.status, headers: response.headers, text: await textOf(response) };
  } catch (error) {
    signal.throwIfAborted();
    // The cause is left behind: it may quote the request.
    throw new ProviderError({ provider, kind: 'unavailable', code: timeout.aborted ? 'timeout' : connectionFailureOf(error) });
  }
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  // Reading stops, and the connection with it, when the loop is left.
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BODY_BYTES) return '';
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** With its text cleaned: from here on everything in it can be stored. */
function objectOf(text: string): Json | null {
  try {
    const value: unknown = cleanDeep(JSON.parse(text));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}

const requestIdOf = (headers: Headers): string | undefined => REQUEST_ID_HEADERS.map((name) => word(headers.get(name))).find((id) => id !== undefined);

/** In seconds, or as a date (RFC 9110, section 10.2.3). */
function retryAfterMs(headers: Headers): number | undefined {
  const header = headers.get('retry-after');
  if (header === null) return undefined;
  const ms = /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : undefined;
}
