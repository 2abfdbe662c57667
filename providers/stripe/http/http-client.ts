/**
 * The code of an error whose body is not a JSON object, because a proxy or another server answered. Stripe never sends
 * it.
 */
export const NOT_STRIPES = 'not_json';

/** Replaces an error body that the SDK could not read. */
const UNREADABLE = { error: { type: 'api_error', message: 'unreadable error body' } };
const NO_JSON = { error: { ...UNREADABLE.error, code: NOT_STRIPES } };

/**
 * A `fetch` for the SDK that
 * - stops with the session's signal,
 * - follows no redirect, which would carry a customer's data to another host or repeat the call,
 * - gives every failed answer an error body: the SDK resolves a non-2xx JSON body without `error` as a success, and
 *   drops the status of a body that is not JSON (stripe 23.1.0, `RequestSender._jsonResponseHandler`),
 * - hides `ECONNRESET` of a closed connection, on which the SDK repeats a call even with retries off (`_shouldRetry`).
 *   `fetch` keeps that code in `cause`, which is why the SDK's own Node client is not used.
 */
export function createStripeFetch(signal: AbortSignal | undefined): typeof fetch {
  return async (input, init) => {
    const signals = [init?.signal, signal].filter((one) => one != null);
    const response = await fetch(input, { ...init, redirect: 'manual', signal: AbortSignal.any(signals) });
    return response.ok ? response : withErrorBody(response);
  };
}

async function withErrorBody(response: Response): Promise<Response> {
  const text = await response.text();
  const { status, headers } = response;
  return new Response(readable(text), { status, headers: withoutLength(headers) });
}

function readable(text: string): string {
  const body = objectOf(text);
  if (body === null) return JSON.stringify(NO_JSON);
  return 'error' in body && typeof body.error === 'object' && body.error !== null ? text : JSON.stringify(UNREADABLE);
}

function objectOf(text: string): object | null {
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === 'object' ? body : null;
  } catch {
    return null;
  }
}

// The body's length may have changed, and it is no longer compressed.
function withoutLength(headers: Headers): Headers {
  const kept = new Headers(headers);
  kept.delete('content-length');
  kept.delete('content-encoding');
  return kept;
}
