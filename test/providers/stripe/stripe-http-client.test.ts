import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as TcpServer } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { Stripe } from 'stripe';
import { ProviderError } from '../../../providers/provider-error.ts';
import { toProviderError } from '../../../providers/stripe/errors.ts';
import { createStripeHttpClient } from '../../../providers/stripe/http/http-client.ts';

interface ClientOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
}

const CUSTOMER = { id: 'cus_1', object: 'customer', name: 'Zoë 🦊' };

describe('the HTTP client of the Stripe SDK', () => {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** The SDK against a server that answers by `answer`, and the requests that the server has received. */
  async function aServer(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    { signal, timeoutMs }: ClientOptions = {},
  ) {
    const received: { readonly method: string; readonly body: string; readonly port: number }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        received.push({
          method: request.method ?? '',
          body: Buffer.concat(chunks).toString(),
          port: request.socket.remotePort ?? 0,
        });
        answer(request, response);
      });
    });
    await listen(server);
    return { stripe: aClient(portOf(server), 'http', { signal, timeoutMs }), received };
  }

  const aListener = () => listen(createServer((_, response) => response.end()));

  async function listen(server: Server): Promise<Server> {
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    return server;
  }

  const portOf = (server: TcpServer) => (server.address() as AddressInfo).port;

  const aClient = (port: number, protocol: 'http' | 'https', { signal, timeoutMs = 5_000 }: ClientOptions = {}) =>
    new Stripe('sk_test_1', {
      ...{ protocol, host: '127.0.0.1', port },
      ...{ maxNetworkRetries: 0, timeout: timeoutMs, telemetry: false },
      httpClient: createStripeHttpClient(signal),
    });

  const json = (response: ServerResponse, body: object) =>
    response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_1' }).end(JSON.stringify(body));

  it('sends the body once and over the same connection, and tells status, headers and request id', async () => {
    const { stripe, received } = await aServer((_, response) => json(response, CUSTOMER));
    const first = await stripe.customers.create({ name: 'Zoë 🦊' });
    await stripe.customers.retrieve('cus_1');
    expect(first.name).toBe('Zoë 🦊');
    expect(first.lastResponse).toMatchObject({ statusCode: 200, requestId: 'req_1' });
    expect(received.map(({ method, body }) => [method, body])).toEqual([
      ['POST', `name=${encodeURIComponent('Zoë 🦊')}`],
      ['GET', ''],
    ]);
    expect(received[1]?.port).toBe(received[0]?.port);
  });

  it('reads a compressed answer', async () => {
    const { stripe } = await aServer((request, response) => {
      expect(request.headers['accept-encoding']).toBe('gzip');
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(JSON.stringify(CUSTOMER)));
    });
    expect((await stripe.customers.retrieve('cus_1')).id).toBe('cus_1');
  });

  it('makes a call whose connection breaks only once, before the answer or within it', async () => {
    for (const breakOff of [
      (_: IncomingMessage, response: ServerResponse) => response.destroy(),
      (_: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '1000' }).write('{"id":');
        setTimeout(() => response.destroy(), 20);
      },
    ]) {
      const { stripe, received } = await aServer(breakOff);
      await expect(stripe.customers.create({ name: 'Ada' })).rejects.toThrow(Stripe.errors.StripeConnectionError);
      expect(received).toHaveLength(1);
    }
  });

  it('follows no redirect', async () => {
    const { stripe, received } = await aServer((_, response) =>
      response.writeHead(302, { location: '/elsewhere' }).end(),
    );
    await expect(stripe.customers.retrieve('cus_1')).rejects.toMatchObject({ statusCode: 302 });
    expect(received).toHaveLength(1);
  });

  it('ends a call that takes too long, also within its answer', async () => {
    const { stripe } = await aServer((_, response) => response.writeHead(200).write('{'), { timeoutMs: 100 });
    await expect(stripe.customers.retrieve('cus_1')).rejects.toThrow(/timeout/);
  });

  it('tells a call that could not be sent from one that may have been', async () => {
    const silent = createTcpServer().listen(0, '127.0.0.1');
    onTestFinished(() => {
      silent.close();
    });
    await once(silent, 'listening');
    const { stripe: answered } = await aServer((_, response) => response.writeHead(200).write('{'), { timeoutMs: 300 });
    const failures = [
      ['a server that does not speak TLS', aClient(portOf(await aListener()), 'https')],
      ['a server that does not get as far as TLS', aClient(portOf(silent), 'https', { timeoutMs: 300 })],
      ['an answer that does not end', answered],
    ] as const;
    const all = failures.map(async ([what, stripe]) => {
      const error: unknown = await stripe.customers.create({}).catch((thrown: unknown) => thrown);
      const told = toProviderError(error);
      return [what, ...(told instanceof ProviderError ? [told.details.kind, told.details.code] : [told])];
    });
    expect(await Promise.all(all)).toEqual([
      ['a server that does not speak TLS', 'unavailable', 'unreachable'],
      ['a server that does not get as far as TLS', 'unavailable', 'unreachable'],
      ['an answer that does not end', 'unavailable', 'connection-failed'],
    ]);
  });

  it('ends a call with the session’s signal, and starts none after it', async () => {
    const session = new AbortController();
    const { stripe, received } = await aServer(
      () => {
        session.abort();
      },
      { signal: session.signal },
    );
    await expect(stripe.customers.create({})).rejects.toThrow(Stripe.errors.StripeConnectionError);
    await expect(stripe.customers.create({})).rejects.toThrow(Stripe.errors.StripeConnectionError);
    expect(received).toHaveLength(1);
  });
});
