import { createServer, request as send } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One answer on its way to the caller, who gets it as edited here. */
export interface ProxiedAnswer {
  readonly method: string;
  /** The path without its query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The request's body as sent. */
  readonly requestBody: string;
  readonly requestHeaders: Readonly<Record<string, string | readonly string[] | undefined>>;
  status: number;
  /** The answer's JSON, or its text when it is not JSON. Text is sent unchanged. */
  body: unknown;
}

export type EditAnswer = (answer: ProxiedAnswer) => void | Promise<void>;

export interface AnswerEditingProxy {
  /** Replaces the stand-in's own address. */
  readonly url: string;
  /** Edits every further answer; null stops it. */
  edit(edit: EditAnswer | null): void;
  /** The requests since the proxy started, oldest first. */
  readonly requests: readonly Pick<ProxiedAnswer, 'method' | 'path' | 'query' | 'requestBody'>[];
  close(): Promise<void>;
}

const OF_ONE_CONNECTION: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
]);

/**
 * A proxy between Interlock and a stand-in that edits answers, for shapes that a real provider may send and the
 * stand-in does not.
 */
export async function startAnswerEditingProxy(targetUrl: string): Promise<AnswerEditingProxy> {
  const target = new URL(targetUrl);
  const requests: Pick<ProxiedAnswer, 'method' | 'path' | 'query' | 'requestBody'>[] = [];
  let editing: EditAnswer | null = null;

  async function pass(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const requestBody = await textOf(req);
    const { pathname: path, searchParams: query } = new URL(req.url ?? '/', target);
    const method = req.method ?? 'GET';
    requests.push({ method, path, query, requestBody });
    const upstream = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { ...req.headers, host: target.host, 'accept-encoding': 'identity' };
      send({ host: target.hostname, port: target.port, method, path: req.url, headers }, resolve)
        .on('error', reject)
        .end(requestBody);
    });
    const answer: ProxiedAnswer = {
      method,
      path,
      query,
      requestBody,
      requestHeaders: req.headers,
      status: upstream.statusCode ?? 502,
      body: parsed(await textOf(upstream)),
    };
    await editing?.(answer);
    const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
    const headers = Object.entries(upstream.headers).filter(([name]) => !OF_ONE_CONNECTION.has(name));
    res
      .writeHead(answer.status, { ...Object.fromEntries(headers), 'content-length': Buffer.byteLength(text) })
      .end(text);
  }

  const server = createServer((req, res) => {
    pass(req, res).catch(() => res.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    edit: (edit) => {
      editing = edit;
    },
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

async function textOf(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The objects of an answer: those of a list, or the only one. */
export function objectsOf({ body }: ProxiedAnswer): readonly Record<string, unknown>[] {
  const { data } = body as { readonly data?: unknown };
  return (Array.isArray(data) ? data : [body]) as readonly Record<string, unknown>[];
}
