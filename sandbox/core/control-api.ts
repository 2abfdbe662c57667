import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { z } from 'zod';
import { readBody } from './http.ts';

const BODY_LIMIT_BYTES = 256 * 1024 * 1024;

/** A request that the control API refuses. `errors` names each invalid field. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly status: number;
  readonly code: string;
  readonly errors: readonly { readonly path: string; readonly message: string }[];

  constructor(status: number, code: string, options: { message: string; errors?: ControlError['errors'] }) {
    super(options.message);
    this.status = status;
    this.code = code;
    this.errors = options.errors ?? [];
  }
}

export interface ControlRequest {
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  /** The part of the path after the route's own path, or empty. */
  readonly rest: string;
}

/** An answer as a value, or as chunks of JSON text when it may be large. */
export type ControlResult =
  { readonly status?: number; readonly json: unknown } | { readonly chunks: Iterable<string> };
export type ControlHandler = (request: ControlRequest) => ControlResult | Promise<ControlResult>;

/** Handlers by `METHOD /path`. A path that ends in `/` accepts one more segment. */
export type ControlRoutes = Readonly<Record<string, ControlHandler>>;

/**
 * Serves `routes` as JSON. Answers 404 to an unknown path, 405 to a wrong method, and 400 to input that a schema
 * rejects.
 */
export function createControlApi(routes: ControlRoutes, onError: (error: unknown) => void): RequestListener {
  return (req, res) => {
    serve(routes, req, res).catch((error: unknown) => {
      // The client has hung up, so nobody can receive an error.
      if (res.destroyed) return;
      if (!(error instanceof ControlError)) onError(error);
      refuse(res, error);
    });
  };
}

/** Parses the input with the schema. Throws a 400 that names every invalid field. */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const errors = result.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
  throw new ControlError(400, 'invalid-request', {
    message: errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
    errors,
  });
}

async function serve(routes: ControlRoutes, req: IncomingMessage, res: ServerResponse): Promise<void> {
  refuseForeign(req);
  const url = new URL(req.url ?? '/', 'http://sandbox');
  const method = req.method ?? 'GET';
  const text = await readBody(req, BODY_LIMIT_BYTES);
  if (text === null) throw new ControlError(413, 'body-too-large', { message: 'The body is too large.' });
  const [handler, rest] = find(routes, method, url.pathname);
  const result = await handler({ query: Object.fromEntries(url.searchParams), body: parseJson(text), rest });
  if ('chunks' in result) {
    res.writeHead(200, { 'content-type': 'application/json' });
    await pipeline(Readable.from(result.chunks), res);
    return;
  }
  res.writeHead(result.status ?? 200, { 'content-type': 'application/json' });
  res.end(JSON.stringify(result.json));
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/;

/**
 * Loopback excludes other machines but not browser pages on this one: another site's page can send requests here
 * (`Origin`), or make its own name resolve to 127.0.0.1 (`Host`).
 */
function refuseForeign({ headers: { host, origin, 'sec-fetch-site': site } }: IncomingMessage): void {
  const own = origin === undefined || (URL.canParse(origin) && LOOPBACK.test(new URL(origin).host));
  if (!LOOPBACK.test(host ?? ''))
    throw new ControlError(403, 'foreign-host', { message: 'The control API answers to names of this machine only.' });
  if (!own || site === 'cross-site')
    throw new ControlError(403, 'foreign-origin', {
      message: 'The control API takes nothing from pages of other sites.',
    });
}

function find(routes: ControlRoutes, method: string, pathname: string): [ControlHandler, string] {
  const parent = pathname.slice(0, pathname.lastIndexOf('/') + 1);
  const paths = Object.keys(routes).map((route) => route.slice(route.indexOf(' ') + 1));
  const path = [pathname, parent].find((candidate) => paths.includes(candidate));
  if (path === undefined) throw new ControlError(404, 'not-found', { message: `There is no ${pathname}.` });
  const handler = routes[`${method} ${path}`];
  if (!handler) throw new ControlError(405, 'method-not-allowed', { message: `${path} does not accept ${method}.` });
  return [handler, path === pathname ? '' : pathname.slice(path.length)];
}

/** Reads an empty body as an empty object. */
function parseJson(text: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ControlError(400, 'invalid-json', { message: 'The body is not JSON.' });
  }
}

function refuse(res: ServerResponse, error: unknown): void {
  if (res.headersSent) {
    res.destroy();
    return;
  }
  const { status, code, message, errors } =
    error instanceof ControlError ? error : new ControlError(500, 'internal', { message: 'The sandbox failed.' });
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify({ error: { code, message, errors } }));
}
