import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { Stripe } from 'stripe';
import { NO_CONNECTION } from '../../http/connection-failure.ts';

/**
 * The code of an error whose body is not a JSON object, because a proxy or another server answered. Stripe never sends
 * it.
 */
export const NOT_STRIPES = 'not_json';

/** Replaces an error body that the SDK could not read. */
const UNREADABLE = { error: { type: 'api_error', message: 'unreadable error body' } };
const NO_JSON = { error: { ...UNREADABLE.error, code: NOT_STRIPES } };

type Client = InstanceType<typeof Stripe.HttpClient>;
type Requested = Parameters<Client['makeRequest']>;

/**
 * An HTTP client for the SDK that
 * - stops with the session's signal,
 * - follows no redirect, which would carry a customer's data to another host or repeat the call,
 * - gives every failed answer an error body: the SDK resolves a non-2xx JSON body without `error` as a success, and
 *   drops the status of a body that is not JSON (stripe 23.1.0, `RequestSender._jsonResponseHandler`),
 * - hides `ECONNRESET` of a closed connection, on which the SDK repeats a call even with retries off (`_shouldRetry`).
 *   Its code stays in `cause`.
 *
 * The SDK's own Node client does none of these but the second, and `fetch` takes more than twice the processor time of a call.
 */
export function createStripeHttpClient(signal: AbortSignal | undefined): Client {
  return {
    getClientName: () => 'node',
    async makeRequest(...requested) {
      const { status, headers, text } = await send(requested, signal);
      const isOk = status >= 200 && status < 300;
      // What the SDK hands out with the answer, as `lastResponse`.
      const raw = { statusCode: status, headers };
      return {
        getStatusCode: () => status,
        getHeaders: () => headers,
        getRawResponse: () => raw,
        toStream: () => null,
        // Rejects for what is not JSON, because the SDK takes what is thrown for a failed connection.
        toJSON: () => Promise.resolve(isOk ? text : readable(text)).then((body) => JSON.parse(body) as unknown),
      };
    },
  };
}

interface Received {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly text: string;
}

/** Makes one call, its answer's body included. */
async function send(requested: Requested, signal: AbortSignal | undefined): Promise<Received> {
  const [, , , , , , , timeoutMs] = requested;
  if (signal?.aborted === true) throw stopped(signal);
  const request = open(requested);
  const isConnected = connectionOf(request);
  // Why the call is ended from here: what the connection tells of it then says less.
  const ended: { reason: Error | null } = { reason: null };
  const end = (why: Error) => {
    ended.reason = why;
    request.destroy();
  };
  const timeout = setTimeout(() => {
    end(Stripe.HttpClient.makeTimeoutError());
  }, timeoutMs);
  const stop = () => {
    if (signal) end(stopped(signal));
  };
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const response = await answerTo(request, bodyOf(requested));
    const { statusCode: status = 0, headers } = response;
    return { status, headers: headers as Record<string, string>, text: await textOf(response) };
  } catch (error) {
    const failure = ended.reason ?? new Error('the connection failed', { cause: error });
    throw isConnected() ? failure : Object.assign(failure, { code: NO_CONNECTION });
  } finally {
    clearTimeout(timeout);
    signal?.removeEventListener('abort', stop);
  }
}

/** Tells whether the request had a connection that it could be sent over: TLS that fails is none. */
function connectionOf(request: http.ClientRequest): () => boolean {
  let isMade = false;
  const made = () => {
    isMade = true;
  };
  request.once('socket', (socket) => {
    if (request.reusedSocket) made();
    else socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', made);
  });
  return () => isMade;
}

/** As the SDK has it of a `fetch` that was stopped. */
const stopped = ({ reason }: AbortSignal): Error =>
  reason instanceof Error && reason.name !== 'AbortError' ? reason : Stripe.HttpClient.makeTimeoutError();

function open([host, port, path, method, headers, , protocol]: Requested): http.ClientRequest {
  const { request } = protocol === 'http' ? http : https;
  return request({ host, port, path, method, headers: { 'accept-encoding': 'gzip', ...headers } });
}

const bodyOf = ([, , , method, , body]: Requested): string | undefined => (method === 'POST' ? body : undefined);

const answerTo = (request: http.ClientRequest, body: string | undefined): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Stays, because an error after the answer's beginning has no other listener.
    request.on('error', reject);
    request.end(body);
  });

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    response.on('data', (chunk: Buffer) => chunks.push(chunk));
    response.once('end', resolve);
    response.once('error', reject);
    // An answer that breaks off may end without either.
    response.once('close', () => {
      reject(new Error('the answer broke off'));
    });
  });
  const bytes = Buffer.concat(chunks);
  return (response.headers['content-encoding'] === 'gzip' ? await unzipped(bytes) : bytes).toString('utf8');
}

const unzipped = promisify<Buffer, Buffer>(gunzip);

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
