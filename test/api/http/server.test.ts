import { customers } from '../../../records/customers.ts';
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { NODE_COMPILE_CACHE } from '../../../runtime/start/home.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { keepServiceBundle } from '../../../worker/service-bundle.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { until } from '../../support/eventually.ts';
import { aToken, createApiWorld, JWT_SECRET } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

/** Writes raw text to the server, as no HTTP client would, and returns the whole answer. */
async function speak(...pieces: readonly string[]): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  for (const piece of pieces) socket.write(piece);
  return text(socket);
}

describe('the server', () => {
  it.each([
    ['nonsense', ['GARBAGE\r\n\r\n'], 400, 'malformed-request'],
    [
      'two lengths',
      ['POST /v1/venues HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
      400,
      'malformed-request',
    ],
    [
      'a length and chunks',
      ['POST /v1/venues HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
      400,
      'malformed-request',
    ],
    ['headers of 20 KB', [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`], 431, 'headers-too-large'],
  ])('answers %s with problem details and a request id', async (_case, pieces, status, code) => {
    const answer = await speak(...pieces);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(/X-Request-Id: [0-9a-f-]{36}\r\n/);
    expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({ status, code });
  });

  it('keeps serving after callers that hang up during a load', async () => {
    const venueId = await api.aVenue();
    const token = await aToken();
    const head = `POST /v1/venues/${venueId}/records/customers/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/x-ndjson\r\nIdempotency-Key: cut\r\nContent-Length: 1000000\r\n\r\n`;
    const socket = connect(api.port, '127.0.0.1');
    socket.write(`${head}{"sourceId":"a"}\n{"sour`);
    await sleep(200);
    socket.destroy();
    await until(() => api.logLines.some((line) => line.includes('"aborted":true')), {
      limitMs: 20_000,
      what: 'the log says that the caller hung up',
    });
    // The key can be used again because the work was not done.
    const again = await api.send('POST', `/v1/venues/${venueId}/records/customers/batch`, {
      body: '{"sourceId":"a"}',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'cut' },
    });
    expect(again).toMatchObject({ status: 200, json: { created: 1 } });
    expect(api.logLines.filter((line) => line.includes('unexpected error'))).toEqual([]);
  });

  it('lets a request finish, ends live streams and accepts no more when it stops', async () => {
    const world = await createApiWorld();
    const venueId = await world.aVenue();
    const connectionId = await world.aConnection(venueId);
    const sync = await world.send('POST', `/v1/venues/${venueId}/syncs`, {
      json: { connectionId, resource: 'customers', direction: 'push', mode: 'full' },
    });
    const stream = await world.raw('GET', `/v1/venues/${venueId}/syncs/${sync.json.id}/events`);
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const list = vi
      .spyOn(world.records.of(customers), 'list')
      .mockImplementationOnce(() => finished.then(() => ({ data: [], next: null, isCut: false })));
    const slow = world.send('GET', `/v1/venues/${venueId}/records/customers`);
    await until(() => list.mock.calls.length > 0, { limitMs: 20_000, what: 'the request is in hand' });
    const { port } = world;
    const elapsedMs = startStopwatch();
    const closing = world.close();
    await expect(once(connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    await stream.text();
    finish();
    expect((await slow).status).toBe(200);
    await closing;
    expect(elapsedMs()).toBeLessThan(5_000);
  });
});

describe('the process', { timeout: 180_000 }, () => {
  let database: TestDatabase;
  let program: string;
  beforeAll(async () => {
    [database, program] = await Promise.all([createTestDatabase(), keepServiceBundle('api')]);
  });
  afterAll(() => database.drop());

  function start(extra: Readonly<Record<string, string>> = {}): ChildProcess & { readonly lines: string[] } {
    const env = {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE,
      DATABASE_URL: database.url,
      // Nothing listens there, and the API must start all the same.
      TEMPORAL_ADDRESS: '127.0.0.1:1',
      JWT_SECRET,
      MOCK_KMS: 'true',
      ENCRYPTION_KEY: randomBytes(32).toString('base64'),
      PORT: '0',
      ...extra,
    };
    const child = fork(program, {
      env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const lines: string[] = [];
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => lines.push(...data.toString().split('\n').filter(Boolean)));
    return Object.assign(child, { lines });
  }

  async function portOf(child: { readonly lines: readonly string[] }): Promise<number> {
    return vi.waitFor(
      () => {
        const line = child.lines.find((candidate) => candidate.includes('api is ready'));
        if (line === undefined) throw new Error(`not ready: ${child.lines.join('\n')}`);
        return (JSON.parse(line) as { port: number }).port;
      },
      { timeout: 50_000, interval: 50 },
    );
  }

  it('starts without Temporal, warns about the development keyring, serves, and stops on SIGTERM', async () => {
    const child = start();
    const port = await portOf(child);
    expect(child.lines.some((line) => line.includes('"level":"warn"') && line.includes('MOCK_KMS'))).toBe(true);
    const created = await fetch(`http://127.0.0.1:${port}/v1/venues`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await aToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'V', timeZone: 'UTC', currency: 'EUR' }),
    });
    expect(created.status).toBe(201);
    const ready = await fetch(`http://127.0.0.1:${port}/health/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'down', checks: { postgres: 'ok', temporal: 'down' } },
    ]);
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('stops cleanly while it still waits for a Temporal that is away', async () => {
    const child = start();
    const port = await portOf(child);
    const hungUp = new AbortController();
    const token = await aToken();
    await database.admin.begin(async (sql) => {
      // Keeps a statement open, which keeps the process running as long as its pool waits.
      await sql`lock table venues`;
      const ask = (path: string): void => {
        fetch(`http://127.0.0.1:${port}${path}`, {
          headers: { authorization: `Bearer ${token}` },
          signal: hungUp.signal,
        }).catch(() => undefined);
      };
      ask('/v1/venues');
      await until(() => database.someoneWaits(), { limitMs: 20_000, what: 'a statement waits' });
      ask('/health/ready');
      await sleep(500);
      hungUp.abort();
      child.kill('SIGTERM');
      expect([await once(child, 'close'), child.lines.at(-1)]).toEqual([
        [0, null],
        expect.stringContaining('api has stopped'),
      ]);
    });
  });

  it('stops by itself when its parent process is gone', async () => {
    const child = start();
    await portOf(child);
    child.disconnect();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('logs why it cannot start when Postgres is away, through the logger that removes secrets', async () => {
    const child = start({ DATABASE_URL: `postgres://someone:hunter2@127.0.0.1:${await freePort()}/none` });
    expect(await once(child, 'close')).toEqual([1, null]);
    const lines = child.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({
      name: 'api',
      level: 'fatal',
      err: { type: 'DrizzleQueryError', cause: { code: 'ECONNREFUSED' } },
    });
    expect(child.lines.join('\n')).not.toContain('hunter2');
  });

  it('reports what is wrong with its settings and exits with 78', async () => {
    const child = start({ JWT_SECRET: 'short', DATABASE_URL: '' });
    expect(await once(child, 'exit')).toEqual([78, null]);
    expect(child.lines.join('\n')).toMatch(/DATABASE_URL[^]*JWT_SECRET|JWT_SECRET[^]*DATABASE_URL/);
  });
});
