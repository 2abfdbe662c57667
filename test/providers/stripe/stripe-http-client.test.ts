import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { Stripe } from 'stripe';
import { createStripeHttpClient } from '../../../providers/stripe/http/http-client.ts';

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
    { signal, timeoutMs = 5_000 }: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
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
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const stripe = new Stripe('sk_test_1', {
      ...{ protocol: 'http', host: '127.0.0.1', port: (server.address() as AddressInfo).port },
      ...{ maxNetworkRetries: 0, timeout: timeoutMs, telemetry: false },
      httpClient: createStripeHttpClient(signal),
    });
    return { stripe, received };
  }

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
