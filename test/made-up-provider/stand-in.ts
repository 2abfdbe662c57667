import { createHmac, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface DeskObject {
  readonly id: string;
  readonly created: number;
  readonly reference: string | null;
}
export interface DeskCustomer extends DeskObject {
  readonly name: string | null;
  readonly mail: string | null;
  readonly phone: string | null;
}
export interface DeskCard extends DeskObject {
  readonly number: string;
  readonly tier: string;
  readonly points: string | null;
  readonly holder: string | null;
  readonly validUntil: string | null;
  readonly blocked: boolean;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

const MISSING: Reply = { status: 404, body: { error: 'no such object' } };
const REFUSED: Reply = { status: 401, body: { error: 'unauthorized' } };

/** One list of a desk, newest first; objects of one second are ordered by id. */
class DeskTable<Item extends DeskObject> {
  readonly rows = new Map<string, Item>();
  readonly #byKey = new Map<string, Item>();
  readonly #prefix: string;
  readonly #empty: Omit<Item, keyof DeskObject>;

  constructor(prefix: string, empty: Omit<Item, keyof DeskObject>) {
    this.#prefix = prefix;
    this.#empty = empty;
  }

  add(given: Partial<Item>): Item {
    const blank = { ...this.#empty, reference: null, created: Math.floor(Date.now() / 1_000) };
    const item = { ...blank, ...given, id: `${this.#prefix}-${randomUUID().slice(0, 8)}` } as unknown as Item;
    this.rows.set(item.id, item);
    return item;
  }

  /** The same object for the same idempotency key. */
  create(key: string, given: Partial<Item>): Item {
    const made = this.#byKey.get(key) ?? this.add(given);
    this.#byKey.set(key, made);
    return made;
  }

  update(id: string, given: Partial<Item>): Item | undefined {
    const item = this.rows.get(id);
    if (item) this.rows.set(id, { ...item, ...given, id });
    return this.rows.get(id);
  }

  page(parameters: URLSearchParams): Reply {
    const number = (name: string, standard: number) => Number(parameters.get(name) ?? standard);
    const [from, to, limit] = [number('from', 0), number('to', Number.MAX_SAFE_INTEGER), number('limit', 10)];
    const reference = parameters.get('reference');
    const found = [...this.rows.values()]
      .filter(({ created }) => created >= from && created < to)
      .filter((item) => reference === null || item.reference === reference)
      .toSorted((a, b) => b.created - a.created || b.id.localeCompare(a.id, 'en', { numeric: true }));
    const start = found.findIndex(({ id }) => id === parameters.get('after')) + 1;
    return { status: 200, body: { data: found.slice(start, start + limit), more: start + limit < found.length } };
  }
}

/** A Corner Desk on loopback: one account whose objects are in memory, and the authorization server of hosted desks. */
export async function startCornerDesk() {
  const user = 'front.desk';
  const password = `pw-${randomUUID()}`;
  const app = { id: 'our-app', secret: `as-${randomUUID()}` };
  const codes = new Set<string>();
  const tokens = new Set<string>();
  const customers = new DeskTable<DeskCustomer>('customer', { name: null, mail: null, phone: null });
  const cards = new DeskTable<DeskCard>('card', {
    number: '0000',
    tier: 'basic',
    points: null,
    holder: null,
    validUntil: null,
    blocked: false,
  });
  const tables: Readonly<Record<string, DeskTable<DeskCustomer> | DeskTable<DeskCard>>> = { customers, cards };
  let writes = 0;

  function mayAsk({ authorization = '' }: IncomingMessage['headers']): boolean {
    const basic = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    return authorization === basic || tokens.has(authorization.replace(/^Bearer /, ''));
  }

  async function answer(req: IncomingMessage): Promise<Reply> {
    const url = new URL(req.url ?? '/', 'http://desk');
    if (req.method === 'POST' && url.pathname === '/oauth/token') return token(new URLSearchParams(await text(req)));
    if (!mayAsk(req.headers)) return REFUSED;
    const [, , list = '', id] = url.pathname.split('/');
    if (list === 'account') return { status: 200, body: { id: 'desk-account', name: 'The corner', test: true } };
    const table = tables[list];
    return table ? ofTable(req, table, { id, parameters: url.searchParams }) : MISSING;
  }

  function ofTable(
    req: IncomingMessage,
    table: DeskTable<DeskObject>,
    { id, parameters }: { readonly id: string | undefined; readonly parameters: URLSearchParams },
  ): Reply | Promise<Reply> {
    if (req.method !== 'GET') return write(req, table, id ?? '');
    return id === undefined ? table.page(parameters) : one(table.rows.get(id));
  }

  async function write(req: IncomingMessage, table: DeskTable<DeskObject>, id: string): Promise<Reply> {
    writes += 1;
    if (req.method === 'DELETE') return table.rows.delete(id) ? { status: 200, body: {} } : MISSING;
    const body = JSON.parse(await text(req)) as object;
    if (req.method === 'PUT') return one(table.update(id, body));
    return { status: 201, body: table.create(String(req.headers['idempotency-key']), body) };
  }

  const one = (item: DeskObject | undefined): Reply => (item ? { status: 200, body: item } : MISSING);

  function token(form: URLSearchParams): Reply {
    if (form.get('client_id') !== app.id || form.get('client_secret') !== app.secret)
      return { status: 401, body: { error: 'invalid_client' } };
    if (!codes.delete(form.get('code') ?? '')) return { status: 400, body: { error: 'invalid_grant' } };
    const issued = `tk-${randomUUID()}`;
    tokens.add(issued);
    return { status: 200, body: { access_token: issued, token_type: 'bearer' } };
  }

  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    void answer(req).then(({ status, body }) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    app,
    credentials: { baseUrl: url, user, password },
    customers,
    cards,
    tokens: tokens as ReadonlySet<string>,
    writes: () => writes,
    /** The owner's consent on the authorization page. Returns the URL that their browser is led to. */
    approve(authorizationUrl: string): string {
      const { searchParams } = new URL(authorizationUrl);
      const code = `code-${randomUUID()}`;
      codes.add(code);
      const back = new URL(searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', code);
      back.searchParams.set('state', searchParams.get('state') ?? '');
      return back.href;
    },
    /** The owner takes the access of our app back. */
    revokeTokens() {
      tokens.clear();
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** Headers of a delivery that this key has signed. */
export const signedBy = (key: string, body: string) => ({
  'content-type': 'application/json',
  'desk-signature': createHmac('sha256', key).update(body).digest('hex'),
});
