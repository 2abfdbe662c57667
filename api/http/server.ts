import { createServer, IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { countLimit, countRefusal, limitNamed } from '../../telemetry/metrics.ts';
import { ApiError } from '../errors/api-error.ts';
import type { App } from '../app.ts';
import { PROBLEM_JSON, toProblem } from '../errors/problem-details.ts';
import type { ProblemCode } from '../errors/problems.ts';
import type { Log } from './log.ts';
import { noteLimit } from './request-context.ts';

const HEADERS_TIMEOUT_MS = 15_000;
/** Timeout of a whole request, long enough for an NDJSON load. */
const REQUEST_TIMEOUT_MS = 600_000;
/** Longer than the idle timeout of common load balancers (60 s), so that they close first. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const DRAIN_TIMEOUT_MS = 10_000;
const CLOSE_IDLE_EVERY_MS = 100;
/**
 * Far more than streams, callers and load balancers' idle connections use, and below the process's limit of open files.
 */
const MAX_CONNECTIONS = 8_000;
/** How long a finished answer waits for a reader that reads nothing of it, or little. */
const STALLED_MS = 30_000;
const TELL_EVERY_MS = 60_000;
const MAX_TAKING_MS = 300_000;

export interface RunningServer {
  /** The actual port when 0 was requested. */
  readonly port: number;
  /** Stops accepting requests, ends live streams, lets the rest finish for up to 10 s, then aborts what is left. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string;
  readonly stalledMs?: number;
  readonly log?: Log;
  readonly maxConnections?: number;
}

/** Resolves when the server listens. Rejects when the port is in use or not permitted. */
export async function startServer(
  app: App,
  { host, port, publicUrl, stalledMs = STALLED_MS, log, maxConnections = MAX_CONNECTIONS }: ServerOptions,
): Promise<RunningServer> {
  const server = createHttpServer(app);
  server.maxConnections = maxConnections;
  tellOfDropped(server, log);
  server.prependListener('request', (req, res) => {
    cutWhenStalled(req, res, stalledMs);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuse(error, socket, { publicUrl, log });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return { port: (server.address() as AddressInfo).port, stop: () => stop(server, app) };
}

/**
 * Express replaces the prototypes of every request and response, which invalidates the engine's optimizations. Objects
 * created with the right prototypes avoid that: about twice the requests a second
 * (https://github.com/expressjs/express/issues/5998). Webhooks and reads do not pass through Express at all: it costs
 * more than everything else that is done for a webhook, and a tenth of a read.
 */
function createHttpServer({ express: app, webhooks, reads }: Pick<App, 'express' | 'webhooks' | 'reads'>): Server {
  class AppRequest extends IncomingMessage {}
  class AppResponse extends ServerResponse {}
  Object.setPrototypeOf(AppRequest.prototype, app.request);
  Object.setPrototypeOf(AppResponse.prototype, app.response);
  app.request = AppRequest.prototype as unknown as typeof app.request;
  app.response = AppResponse.prototype as unknown as typeof app.response;
  return createServer(
    {
      IncomingMessage: AppRequest,
      ServerResponse: AppResponse,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    },
    (req, res) => {
      if (!webhooks?.take(req, res) && !reads?.take(req, res)) app(req, res);
    },
  );
}

/**
 * Closes the connection of a reader that does not read its answer, which is held in memory. The server's idle timeout
 * applies again once the answer is sent.
 */
function cutWhenStalled(req: IncomingMessage, res: ServerResponse, stalledMs: number): void {
  res.once('prefinish', () => {
    const { socket } = res;
    // Nothing waits for the reader when the system has taken the whole answer, as it does at once for most.
    if (!socket || socket.writableLength === 0) return;
    socket.setTimeout(stalledMs);
    const note = () => {
      noteLimit(req, 'reader-cut');
    };
    // The server's own listener closes the connection.
    socket.prependOnceListener('timeout', note);
    const cut = setTimeout(() => {
      note();
      socket.destroy();
    }, MAX_TAKING_MS);
    res.once('close', () => {
      clearTimeout(cut);
      socket.off('timeout', note);
    });
  });
}

/**
 * Logs at most one line a minute, so that opening thousands of connections cannot fill the log. The metric counts each.
 */
function tellOfDropped(server: Server, log: Log | undefined): void {
  let toldAtMs = -Infinity;
  server.on('drop', () => {
    countLimit('too-many-connections');
    if (performance.now() - toldAtMs < TELL_EVERY_MS) return;
    toldAtMs = performance.now();
    log?.warn({ limit: 'too-many-connections' }, 'connections are closed at once: too many are open');
  });
}

async function stop(server: Server, app: App): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  // Requests on open connections are still answered, with `Connection: close`.
  server.prependListener('request', (_req, res) => res.setHeader('Connection', 'close'));
  app.endStreams();
  const closeIdle = setInterval(() => {
    server.closeIdleConnections();
  }, CLOSE_IDLE_EVERY_MS);
  const cut = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_TIMEOUT_MS);
  await closed;
  clearInterval(closeIdle);
  clearTimeout(cut);
}

const CLIENT_ERRORS: Partial<Record<string, readonly [ProblemCode, string]>> = {
  HPE_HEADER_OVERFLOW: ['headers-too-large', 'The headers are larger than 16 KB.'],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 'The request did not arrive in time.'],
};

/** Answers what never became a request, with the same problem details as everything else. */
function refuse(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  { publicUrl, log }: { readonly publicUrl: string; readonly log: Log | undefined },
): void {
  // Node keeps the current answer there: during one, no other can be sent.
  const answer = '_httpMessage' in socket ? socket._httpMessage : null;
  if (error.code === 'ECONNRESET' || !socket.writable || (answer instanceof ServerResponse && answer.headersSent)) {
    socket.destroy();
    return;
  }
  const [code, detail] = CLIENT_ERRORS[error.code ?? ''] ?? ['malformed-request', 'This is not an HTTP request.'];
  const problem = new ApiError(code, detail);
  const requestId = uuidv7();
  tellOfUnread(log, requestId, code);
  const body = JSON.stringify(toProblem(problem, { requestId, publicUrl }));
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_TEXT[problem.status] ?? 'Error'}`,
    `Content-Type: ${PROBLEM_JSON}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${requestId}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

const STATUS_TEXT: Partial<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** There is no request, so the access log has no line for it. */
function tellOfUnread(log: Log | undefined, requestId: string, code: ProblemCode): void {
  const limit = limitNamed(code);
  countRefusal(code);
  if (limit !== null) countLimit(limit);
  log?.info({ requestId, code, limit }, 'a request that could not be read');
}
