import { connect } from 'node:net';
import type { Socket } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../../api/app.ts';
import { requestContext } from '../../../api/http/request-context.ts';
import { logAccess } from '../../../api/http/access-log.ts';
import { startServer } from '../../../api/http/server.ts';
import type { ServerOptions } from '../../../api/http/server.ts';
import { until } from '../../support/eventually.ts';
import { metricValue } from '../../support/metrics.ts';
import { createApiWorld, PUBLIC_URL, WIDE_LIMITS } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({
    config: { rateLimits: { ...WIDE_LIMITS, connectingPerVenuePerTenMinutes: 1 } },
  });
});
afterAll(() => api.close());

const limitOf = (limit: string) => metricValue('interlock_limits_total', { limit });

interface Line {
  readonly msg: string;
  readonly code: string | null;
  readonly limit: string | null;
}
/** The access log line of the request that `send` makes. It is written after the answer is sent. */
async function lineOf(send: () => Promise<unknown>): Promise<Line> {
  const before = api.logLines.length;
  await send();
  return until(
    () =>
      api.logLines
        .slice(before)
        .map((line) => JSON.parse(line) as Line)
        .find(({ msg }) => msg === 'request') ?? null,
    { limitMs: 20_000, what: 'the request is logged' },
  );
}

const MANY_WRONG = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`wrong${index}`, 1]));

describe('a limit that rejects or truncates', () => {
  const product = (index: number) => ({ sourceId: `p${index}`, name: 'p', description: '€'.repeat(40_000) });

  it.each([
    ['errors-cut', 'invalid-request', () => api.send('POST', '/v1/venues', { json: MANY_WRONG })],
    [
      'errors-cut',
      'invalid-request',
      () => api.send('POST', '/v1/venues', { json: MANY_WRONG, headers: { 'idempotency-key': 'a-key-of-its-own' } }),
    ],
    [
      'body-too-large',
      'body-too-large',
      () => api.send('POST', '/v1/venues', { json: { name: 'x'.repeat(1_100_000) } }),
    ],
  ])('%s is counted once, and the log line has it with %s', async (limit, code, send) => {
    const [before, refusals] = [await limitOf(limit), await metricValue('interlock_refusals_total', { code })];
    expect(await lineOf(send)).toMatchObject({ limit, code });
    expect(await limitOf(limit)).toBe(before + 1);
    expect(await metricValue('interlock_refusals_total', { code })).toBe(refusals + 1);
  });

  it('is counted by its own name when several limits share a code', async () => {
    const path = `/v1/venues/${await api.aVenue()}/connections`;
    await api.send('POST', path, { json: {} });
    const before = await limitOf('rate-limited-venue-connecting');
    expect(await lineOf(() => api.send('POST', path, { json: {} }))).toMatchObject({
      code: 'rate-limited',
      limit: 'rate-limited-venue-connecting',
    });
    expect(await limitOf('rate-limited-venue-connecting')).toBe(before + 1);
  });

  it('is counted for a page cut at its byte limit, and not for one at its item limit', async () => {
    const products = `/v1/venues/${await api.aVenue()}/records/products`;
    for (const start of [0, 40])
      await api.send('POST', `${products}/batch`, {
        json: { records: Array.from({ length: 40 }, (_, index) => product(start + index)) },
      });
    const before = await limitOf('page-cut');
    expect(await lineOf(() => api.send('GET', `${products}?limit=2`))).toMatchObject({ limit: null, code: null });
    expect(await limitOf('page-cut')).toBe(before);
    expect(await lineOf(() => api.send('GET', `${products}?limit=200`))).toMatchObject({
      limit: 'page-cut',
      code: null,
    });
    expect(await limitOf('page-cut')).toBe(before + 1);
  });
});

describe('a connection limit', () => {
  const lines: (object & { readonly message: string })[] = [];
  const note = (fields: object, message: string) => void lines.push({ ...fields, message });
  const log = { debug: note, info: note, warn: note, error: note };
  const serve = async (options: Partial<ServerOptions> = {}) => {
    const app = express();
    app.use(requestContext, logAccess(log));
    app.get('/', (_req, res) => {
      res.end(Buffer.alloc(32 * 1_048_576));
    });
    return startServer({ express: app, endpoints: [], endStreams: () => undefined } satisfies App, {
      ...{ host: '127.0.0.1', port: 0, publicUrl: PUBLIC_URL, log },
      ...options,
    });
  };
  const reach = (port: number, text: string): Socket => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    if (text !== '') socket.write(text);
    return socket;
  };
  const counted = (limit: string, before: number) =>
    until(async () => (await limitOf(limit)) > before, { limitMs: 20_000, what: `${limit} is counted` });

  it('is counted for a reader that reads nothing of its answer', async () => {
    const before = await limitOf('reader-cut');
    const server = await serve({ stalledMs: 50 });
    const reader = reach(server.port, 'GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await counted('reader-cut', before);
    await expect
      .poll(() => lines)
      .toContainEqual(expect.objectContaining({ message: 'request', limit: 'reader-cut', aborted: true }));
    reader.destroy();
    await server.stop();
  });

  it('is counted for headers that are too large', async () => {
    const before = await limitOf('headers-too-large');
    const server = await serve();
    const socket = reach(server.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
    await counted('headers-too-large', before);
    await expect
      .poll(() => lines)
      .toContainEqual(
        expect.objectContaining({ message: 'a request that could not be read', code: 'headers-too-large' }),
      );
    socket.destroy();
    await server.stop();
  });

  it('is counted for every connection above the process’s maximum, and logged once a minute', async () => {
    const before = await limitOf('too-many-connections');
    const server = await serve({ maxConnections: 1 });
    const sockets = [1, 2, 3, 4].map(() => reach(server.port, ''));
    await until(async () => (await limitOf('too-many-connections')) >= before + 3, {
      limitMs: 20_000,
      what: 'three connections are dropped',
    });
    expect(lines.filter(({ message }) => message.startsWith('connections are closed at once'))).toHaveLength(1);
    for (const socket of sockets) socket.destroy();
    await server.stop();
  });
});

it('the public port never serves metrics', async () => {
  expect((await api.send('GET', '/metrics', { token: null })).status).toBe(404);
});
