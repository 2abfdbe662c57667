import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface DeskCustomer {
  readonly id: string;
  readonly created: number;
  readonly name: string | null;
  readonly mail: string | null;
  readonly phone: string | null;
  readonly reference: string | null;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** A Corner Desk on loopback: one account whose customers are in memory. */
export async function startCornerDesk() {
  const user = 'front.desk';
  const password = `pw-${randomUUID()}`;
  const customers = new Map<string, DeskCustomer>();
  const byKey = new Map<string, DeskCustomer>();
  let refusing = false;
  let writes = 0;

  const add = (given: Partial<DeskCustomer>): DeskCustomer => {
    const customer = {
      name: null,
      mail: null,
      phone: null,
      reference: null,
      created: Math.floor(Date.now() / 1_000),
      ...given,
      id: `desk-${customers.size + 1}`,
    };
    customers.set(customer.id, customer);
    return customer;
  };

  async function answer(req: IncomingMessage): Promise<Reply> {
    const expected = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    if (refusing || req.headers.authorization !== expected) return { status: 401, body: { error: 'unauthorized' } };
    const url = new URL(req.url ?? '/', 'http://desk');
    const [, , list, id] = url.pathname.split('/');
    if (list === 'account') return { status: 200, body: { id: 'desk-account', name: 'The corner', test: true } };
    if (list !== 'customers') return { status: 404, body: { error: 'no such path' } };
    if (req.method === 'GET') return id === undefined ? page(url.searchParams) : one(id);
    writes += 1;
    return write(req, id ?? '');
  }

  async function write(req: IncomingMessage, id: string): Promise<Reply> {
    if (req.method === 'DELETE') return customers.delete(id) ? { status: 200, body: {} } : missing;
    const body = JSON.parse(await text(req)) as Partial<DeskCustomer>;
    if (req.method === 'PUT') return update(id, body);
    const key = String(req.headers['idempotency-key']);
    const made = byKey.get(key) ?? add(body);
    byKey.set(key, made);
    return { status: 201, body: made };
  }

  const missing: Reply = { status: 404, body: { error: 'no such customer' } };
  const one = (id: string): Reply => {
    const customer = customers.get(id);
    return customer ? { status: 200, body: customer } : missing;
  };

  function update(id: string, body: Partial<DeskCustomer>): Reply {
    const customer = customers.get(id);
    if (!customer) return missing;
    customers.set(id, { ...customer, ...body, id });
    return one(id);
  }

  /** Newest first; of one second, by id. */
  function page(parameters: URLSearchParams): Reply {
    const number = (name: string, standard: number) => Number(parameters.get(name) ?? standard);
    const [from, to, limit] = [number('from', 0), number('to', Number.MAX_SAFE_INTEGER), number('limit', 10)];
    const reference = parameters.get('reference');
    const found = [...customers.values()]
      .filter(({ created }) => created >= from && created < to)
      .filter((customer) => reference === null || customer.reference === reference)
      .toSorted((a, b) => b.created - a.created || b.id.localeCompare(a.id, 'en', { numeric: true }));
    const start = found.findIndex(({ id }) => id === parameters.get('after')) + 1;
    const data = found.slice(start, start + limit);
    return { status: 200, body: { customers: data, more: start + limit < found.length } };
  }

  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    void answer(req).then(({ status, body }) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    credentials: { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, user, password },
    customers,
    add,
    /** Answers every call with 401 from here on, or no longer. */
    refuse(all: boolean) {
      refusing = all;
    },
    writes: () => writes,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
