import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTransport, fetchThrough } from '../../providers/http/transport.ts';

const PAGE = Array.from({ length: 200 }, (_, id) => ({ id, note: 'x'.repeat(10_000) }));

const ANSWERS: Readonly<Record<string, RequestListener>> = {
  '/page': (_req, res) =>
    res.setHeader('content-type', 'application/json').setHeader('x-ratelimit-remaining', '7').end(JSON.stringify(PAGE)),
  '/page-in-an-object': (_req, res) =>
    res.setHeader('content-type', 'application/json').end(JSON.stringify({ items: PAGE })),
  '/list': (_req, res) =>
    res.setHeader('content-type', 'application/json').setHeader('x-ratelimit-remaining', '7').end('["a\\u0000",1]'),
  '/unstorable': (_req, res) =>
    res
      .setHeader('content-type', 'application/json')
      .end(
        Buffer.concat([
          Buffer.from('{"\\u0000key":"\\uD800","\\u005cu0000":"kept","raw":"'),
          Buffer.from([0xed, 0xa0, 0x80]),
          Buffer.from('"}'),
        ]),
      ),
  '/nothing': (_req, res) => res.writeHead(204).end(),
  '/empty': (_req, res) => res.writeHead(200).end(),
  '/html': (_req, res) => res.setHeader('content-type', 'text/html').end('<p>ada@example.com</p>'),
  '/refused': (_req, res) => res.writeHead(400).end('<p>ada@example.com</p>'),
  '/limited': (_req, res) => res.writeHead(429, { 'retry-after': '3' }).end(),
  '/never': () => undefined,
};
const server = createServer((req, res) => {
  ANSWERS[req.url ?? '']?.(req, res);
});
let origin: string;
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const calls = { signal: new AbortController().signal, call: <T>(work: () => Promise<T>) => work() };
const transport = createTransport({ provider: 'square', calls });
const PAGES = { maxBodyBytes: 20_000_000 };

describe('a call through the transport', () => {
  it('reads a page of several megabytes when the call allows it', async () => {
    const { json, body } = await transport(`${origin}/page`, {}, PAGES);
    expect([(json as readonly unknown[]).length, body]).toEqual([200, null]);
    expect(
      ((await transport(`${origin}/page-in-an-object`, {}, PAGES)).body?.['items'] as readonly unknown[]).length,
    ).toBe(200);
  });

  it('fails for a success larger than the call allows, and says why', async () => {
    await expect(transport(`${origin}/page-in-an-object`, {})).rejects.toMatchObject({
      details: { kind: 'unexpected-response', httpStatus: 200, code: 'body-too-large' },
    });
    await expect(transport(`${origin}/list`, {}, { maxBodyBytes: 5 })).rejects.toMatchObject({
      details: { code: 'body-too-large' },
    });
  });

  it('returns no text that Postgres refuses, whether it was escaped or not', async () => {
    const { json } = await transport(`${origin}/unstorable`, {});
    expect(json).toEqual({ key: '\ufffd', '\\u0000': 'kept', raw: '\ufffd\ufffd\ufffd' });
  });

  it('returns a list with cleaned text', async () => {
    expect(await transport(`${origin}/list`, {})).toMatchObject({ status: 200, json: ['a', 1], body: null });
  });

  it('returns the answer’s headers, which may tell the remaining rate', async () => {
    expect((await transport(`${origin}/list`, {})).headers.get('x-ratelimit-remaining')).toBe('7');
  });

  it('times out after the call’s limit', async () => {
    await expect(transport(`${origin}/never`, {}, { timeoutMs: 50 })).rejects.toMatchObject({
      details: { kind: 'unavailable', code: 'timeout' },
    });
  });

  it('distinguishes an empty body from one that is not JSON', async () => {
    expect(await transport(`${origin}/nothing`, {})).toMatchObject({ status: 204, json: undefined, isEmpty: true });
    expect(await transport(`${origin}/html`, {})).toMatchObject({ status: 200, json: undefined, isEmpty: false });
  });

  it('throws the provider’s retry delay', async () => {
    await expect(transport(`${origin}/limited`, {})).rejects.toMatchObject({
      details: { kind: 'rate-limited', retryAfterMs: 3_000 },
    });
  });
});

describe('the fetch for a library', () => {
  const send = fetchThrough('square', transport);

  it.each(['/nothing', '/empty'])('returns a success without a body: %s', async (path) => {
    const response = await send(`${origin}${path}`);
    expect([response.ok, await response.text()]).toEqual([true, '']);
  });

  it('returns a list and the answer’s headers', async () => {
    const response = await send(`${origin}/list`);
    expect([
      await response.json(),
      response.headers.get('x-ratelimit-remaining'),
      response.headers.get('content-type'),
    ]).toEqual([['a', 1], '7', 'application/json']);
  });

  it('throws for an empty success and a list when the API answers only with objects', async () => {
    const strict = fetchThrough('square', transport, { objectsOnly: true });
    for (const path of ['/nothing', '/empty', '/list'])
      await expect(strict(`${origin}${path}`), path).rejects.toMatchObject({
        details: { kind: 'unexpected-response' },
      });
  });

  it('passes on nothing of a body that is not JSON', async () => {
    await expect(send(`${origin}/html`)).rejects.toMatchObject({ details: { kind: 'unexpected-response' } });
    const refused = await send(`${origin}/refused`);
    expect([refused.status, await refused.json()]).toEqual([400, {}]);
  });

  it('applies the limits of its calls', async () => {
    const response = await fetchThrough(
      'square',
      createTransport({ provider: 'square', calls, limits: PAGES }),
    )(`${origin}/page`);
    expect(((await response.json()) as readonly unknown[]).length).toBe(200);
  });
});
