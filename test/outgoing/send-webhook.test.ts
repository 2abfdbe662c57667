import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { createWebhookSender } from '../../activities/outgoing/send-webhook.ts';
import { LOOPBACK, guardedFetch } from '../../providers/kit/address-guard.ts';
import { Secret } from '../../vault/secret.ts';
import { startWebhookReceiver, verifies } from '../support/webhook-receiver.ts';

const aSecret = () => new Secret(`whsec_${randomBytes(48).toString('base64')}`);
const message = {
  id: '01932d2e-5a1c-7d3b-9e58-0242ac120002',
  type: 'sync.finished',
  occurredAt: new Date('2026-11-28T08:00:00Z'),
  data: { syncId: 'a' },
};
const signal = new AbortController().signal;
const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

const send = (
  url: string,
  { allowed = LOOPBACK, timeoutMs = 15_000 }: { allowed?: readonly string[]; timeoutMs?: number } = {},
) => createWebhookSender({ fetch: guardedFetch(allowed), timeoutMs })(message, { url, secrets: [aSecret()], signal });

describe('a message to a receiver', () => {
  it.each([
    'http://127.0.0.1:1/',
    'http://[::1]:1/',
    'http://169.254.169.254/latest/meta-data',
    'http://[::ffff:10.0.0.1]/',
    'http://[::7f00:1]/',
    'http://[64:ff9b:1::a00:1]/',
    'http://10.1.2.3/',
    'http://192.168.0.1/',
    'http://localhost:1/',
  ])('is not sent to %s', async (url) => {
    expect(await send(url, { allowed: [] })).toEqual({ status: null, error: 'address-not-allowed' });
  });

  it('follows no redirect', async () => {
    let followed = false;
    const target = await serve((_req, res) => {
      followed = true;
      res.writeHead(200).end();
    });
    const url = await serve((_req, res) => res.writeHead(307, { location: target }).end());
    expect(await send(url)).toEqual({ status: 307, error: 'redirected' });
    expect(followed).toBe(false);
  });

  it.each([400, 401, 410, 429, 500, 503])('has failed when the receiver answers %d', async (status) => {
    expect(await send(await serve((_req, res) => res.writeHead(status).end()))).toEqual({ status, error: 'status' });
  });

  it.each([
    ['7', 7_000],
    ['0', undefined],
    ['soon', undefined],
    ['Fri, 29 Nov 2019 08:00:00 GMT', undefined],
  ])('tells how long the receiver wants to be left alone: Retry-After %s', async (header, retryAfterMs) => {
    const url = await serve((_req, res) => res.writeHead(503, { 'retry-after': header }).end());
    expect(await send(url)).toEqual({ status: 503, error: 'status', retryAfterMs });
    const accepting = await serve((_req, res) => res.writeHead(202, { 'retry-after': header }).end());
    expect(await send(accepting)).toEqual({ status: 202, error: null });
  });

  it.each([200, 202, 204])('is accepted when the receiver answers %d', async (status) => {
    expect(await send(await serve((_req, res) => res.writeHead(status).end()))).toEqual({ status, error: null });
  });

  it('times out when the receiver never answers', async () => {
    expect(await send(await serve(() => undefined), { timeoutMs: 100 })).toEqual({ status: null, error: 'timeout' });
  });

  it('has failed when the receiver breaks off, and when nobody listens', async () => {
    expect(await send(await serve((req) => req.socket.destroy()))).toEqual({
      status: null,
      error: 'connection-failed',
    });
    const url = await serve(() => undefined);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    expect(await send(url)).toEqual({ status: null, error: 'unreachable' });
  });

  it('is accepted without reading an answer that never ends', async () => {
    let written = 0;
    const url = await serve((_req, res) => {
      res.writeHead(200);
      const more = () => {
        while (!res.destroyed && res.write(Buffer.alloc(16_384))) written += 16_384;
      };
      res.on('drain', more);
      more();
    });
    expect(await send(url)).toEqual({ status: 200, error: null });
    expect(written).toBeLessThan(8_000_000);
  });

  it('is accepted by its status when the rest of the answer never comes', async () => {
    const url = await serve((_req, res) => void res.writeHead(200, { 'content-length': '10' }).write('1'));
    expect(await send(url)).toEqual({ status: 200, error: null });
  });

  it('carries a signature for each secret, a stable id, and nothing else of ours', async () => {
    const receiver = await startWebhookReceiver();
    const secrets = [aSecret(), aSecret()];
    const sender = createWebhookSender({ fetch: guardedFetch(LOOPBACK) });
    await sender(message, { url: receiver.url, secrets, signal });
    await receiver.close();
    const [received] = receiver.received;
    expect(received?.headers).toMatchObject({ 'webhook-id': message.id, 'content-type': 'application/json' });
    expect(received?.body).toEqual({
      type: message.type,
      timestamp: '2026-11-28T08:00:00.000Z',
      data: { syncId: 'a' },
    });
    for (const secret of secrets) expect(verifies(received!, secret.expose())).toBe(true);
    expect(verifies(received!, aSecret().expose())).toBe(false);
  });
});
