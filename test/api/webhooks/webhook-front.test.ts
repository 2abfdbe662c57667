import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { anAccount, providers, revocation, signed } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());

const eventAt = (path: string, method = 'POST') => {
  const body = revocation('stripe', anAccount('stripe'));
  return api.send(method, path, { body, headers: signed('stripe', body) });
};

/** Sends a request head as it is, which `fetch` would write anew, and returns the status line. */
function statusLineOf(head: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1');
    socket.once('error', reject).once('data', (bytes) => {
      socket.destroy();
      resolve(bytes.toString('latin1').split('\r\n')[0] ?? '');
    });
    socket.write(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  });
}

describe('the address of webhooks', () => {
  it.each([
    '/webhooks',
    '/webhooks/',
    '/webhooks/stripe/',
    '/webhooks/stripe/a/b',
    '/WEBHOOKS/stripe',
    '//webhooks/stripe',
  ])('is not at %s', async (path) => {
    expect(await eventAt(path)).toMatchObject({ status: 404, json: { code: 'not-found' } });
  });

  it('refuses what is not percent-encoding, and decodes what is', async () => {
    expect(await eventAt('/webhooks/%zz')).toMatchObject({ status: 400, json: { code: 'malformed-request' } });
    expect(await eventAt('/webhooks/%73tripe')).toMatchObject({ status: 200 });
  });

  it('takes a query, and a target with its origin', async () => {
    expect(await eventAt('/webhooks/stripe?from=there')).toMatchObject({ status: 200 });
    const body = revocation('stripe', anAccount('stripe'));
    const headers = Object.entries(signed('stripe', body)).map(([name, value]) => `${name}: ${value}`);
    const head = [`POST ${PUBLIC_URL}/webhooks/stripe HTTP/1.1`, 'host: interlock.test', ...headers];
    expect(await statusLineOf(head.join('\r\n'), body)).toBe('HTTP/1.1 200 OK');
  });

  it.each(['PUT', 'DELETE', 'OPTIONS', 'HEAD'])('answers %s with the method that it takes', async (method) => {
    const answer = await api.send(method, '/webhooks/stripe');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('answers with the headers that every answer has', async () => {
    const standard = await api.send('GET', '/openapi.json');
    const own = ['content-type', 'content-length', 'cache-control', 'date', 'x-request-id'];
    const common = [...standard.headers].filter(([name]) => !own.includes(name));
    expect(common.length).toBeGreaterThan(10);
    for (const answer of [await eventAt('/webhooks/stripe'), await api.send('POST', '/webhooks/stripe')]) {
      expect(Object.fromEntries(answer.headers)).toMatchObject(Object.fromEntries(common));
      expect(answer.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });
});
