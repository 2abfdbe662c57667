import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** A secret seen on the wire, and its kind. */
export interface Overheard {
  readonly kind: string;
  readonly value: string;
}

/** The fields of a token call that must stay secret, in either direction and spelling. */
const SECRET_FIELDS = /^(code|code_?verifier|client_?secret|access_?token|refresh_?token|token|plaintext)$/i;
const SHORTEST = 8;

/**
 * A proxy between the service and a server that remembers every secret it sees. Secrets that the service itself creates
 * or receives cannot be known in any other way.
 */
export async function tap(target: string) {
  const overheard = new Map<string, string>();
  let echo: { status: number; html: boolean; times: number } | null = null;
  const note = (kind: string, value: unknown) => {
    if (typeof value === 'string' && value.length >= SHORTEST) overheard.set(value, kind);
  };

  /** Whether its answer was echoed. */
  function echoes({ url = '', headers }: IncomingMessage, body: Buffer, response: ServerResponse): boolean {
    if (!echo || echo.times === 0 || !/token|revoke/.test(url)) return false;
    echo.times -= 1;
    const told = `${headers.authorization ?? ''} ${body.toString('utf8')}`;
    const refusal = {
      error: 'invalid_grant',
      error_description: told,
      errors: [{ category: 'X', code: 'X', detail: told }],
      message: told,
    };
    response
      .writeHead(echo.status, { 'content-type': echo.html ? 'text/html' : 'application/json' })
      .end(echo.html ? `<p>${told}</p>` : JSON.stringify(refusal));
    return true;
  }

  async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    noteAuthorization(request.headers.authorization ?? '', note);
    noteFields(body, note);
    if (echoes(request, body, response)) return;
    const answer = await fetch(`${target}${request.url ?? ''}`, {
      method: request.method ?? 'GET',
      headers: without(request.headers as Record<string, string>, ['host', 'connection', 'content-length']),
      redirect: 'manual',
      ...(body.length > 0 && { body }),
    });
    // A server's own address is replaced by the tap's: Mailchimp tells where its API is.
    const answered = Buffer.from((await answer.text()).replaceAll(target, `http://${request.headers.host ?? ''}`));
    noteFields(answered, note);
    // QuickBooks names the expired token.
    note('token quoted by a fault', /Token expired: ([^"]+)/.exec(answered.toString('utf8'))?.[1]);
    response
      .writeHead(
        answer.status,
        without(Object.fromEntries(answer.headers), ['content-encoding', 'transfer-encoding', 'content-length']),
      )
      .end(answered);
  }

  const server = createServer((request, response) => {
    pass(request, response).catch(() => {
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    overheard: (): readonly Overheard[] => [...overheard].map(([value, kind]) => ({ kind, value })),
    /** Makes the next token calls echo everything they received, like failing servers do. */
    echo(answer: { readonly status: number; readonly html: boolean; readonly times: number }) {
      echo = { ...answer };
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

const without = (headers: Readonly<Record<string, string>>, names: readonly string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));

type Note = (kind: string, value: unknown) => void;

function noteAuthorization(header: string, note: Note): void {
  const [scheme = '', value = ''] = header.split(' ');
  // A signature is not secret, but its key is.
  if (!scheme.startsWith('AWS4')) note(`${scheme} credential`, value);
  if (scheme === 'Basic')
    note('client secret', Buffer.from(value, 'base64').toString('utf8').split(':').slice(1).join(':'));
}

function noteFields(body: Buffer, note: Note): void {
  const text = body.toString('utf8');
  const entries = text.startsWith('{') ? Object.entries(parse(text)) : [...new URLSearchParams(text)];
  for (const [name, value] of entries) if (SECRET_FIELDS.test(name)) note(name, value);
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}
