import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ApiError } from '../../../api/errors/api-error.ts';
import { BodyStream } from '../../../api/http/body-stream.ts';
import { readBatch } from '../../../api/records/json-batch.ts';
import { readLines } from '../../../api/http/ndjson.ts';
import { Turns } from '../../../api/http/turns.ts';
import { FairQueue } from '../../../domain/limits/fair-queue.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let batch: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  batch = `/v1/venues/${await api.aVenue()}/records/customers/batch`;
});

const MIB = 1_048_576;
const NDJSON = { 'content-type': 'application/x-ndjson' };
const JSON_TYPE = { 'content-type': 'application/json' };

async function* oneChunk(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

async function turnsOfOne(): Promise<Turns> {
  const work = await new FairQueue().start('a venue');
  if (work === null) throw new Error('the work was not started');
  return new Turns(work);
}

/** Counts how many turns of the event loop other work gets while `parts` are read. */
async function turnsWhile(parts: AsyncIterable<unknown>): Promise<number> {
  let turns = 0;
  let reading = true;
  const count = (): void => {
    turns += 1;
    if (reading) setImmediate(count);
  };
  setImmediate(count);
  const iterator = parts[Symbol.asyncIterator]();
  while (!(await iterator.next()).done);
  reading = false;
  return turns;
}

describe('reading a load', () => {
  it('gives other requests turns between blank lines, which are no records', async () => {
    expect(await turnsWhile(readLines(oneChunk('\n'.repeat(500_000)), await turnsOfOne()))).toBeGreaterThan(10);
  });

  it('gives other requests turns between records that arrive in one chunk', async () => {
    const records = Array.from({ length: 50_000 }, () => '{"sourceId":"a"}');
    expect(
      await turnsWhile(readBatch(oneChunk(`{"records":[${records.join(',')}]}`), await turnsOfOne())),
    ).toBeGreaterThan(5);
  });

  it('rejects more lines than a load may have, blank ones included', async () => {
    const answer = await api.send('POST', batch, {
      body: `{"sourceId":"a"}${'\n'.repeat(1_000_001)}`,
      headers: NDJSON,
    });
    expect(answer).toMatchObject({ status: 413, json: { code: 'batch-too-large' } });
  });

  it.each([
    ['in one line', NDJSON, ' '.repeat(17 * MIB)],
    ['before a record', JSON_TYPE, `{"records":[${' '.repeat(17 * MIB)}]}`],
  ])('rejects more than 16 MB of white space %s', async (_case, headers, body) => {
    expect(await api.send('POST', batch, { body, headers })).toMatchObject({
      status: 413,
      json: { code: 'body-too-large' },
    });
  });
});

describe('a compressed body', () => {
  const gzipped = { ...JSON_TYPE, 'content-encoding': 'gzip' };

  it('is rejected once it expands to more than a hundred times its size', async () => {
    const packed = new Uint8Array(gzipSync(`{"records":[{"sourceId":"a","name":"${'x'.repeat(20 * MIB)}"}]}`));
    expect(packed.length).toBeLessThan(MIB / 10);
    const answer = await api.send('POST', batch, { body: packed, headers: gzipped });
    expect(answer).toMatchObject({ status: 413, json: { code: 'body-too-large' } });
    expect(answer.json.detail).toContain('compressed');
  });

  it('of up to 4 MB may compress as well as it likes', async () => {
    const records = Array.from({ length: 1_000 }, (_, index) => ({ sourceId: `c${index}`, name: 'x'.repeat(1_000) }));
    const answer = await api.send('POST', batch, {
      body: new Uint8Array(gzipSync(JSON.stringify({ records }))),
      headers: gzipped,
    });
    expect(answer).toMatchObject({ status: 200, json: { created: 1_000 } });
  });

  it('of any other request is rejected above 1 MB, however small its compressed size', async () => {
    const packed = new Uint8Array(gzipSync(`{"name":"${'x'.repeat(50 * MIB)}"}`));
    expect(await api.send('POST', '/v1/venues', { body: packed, headers: gzipped })).toMatchObject({
      status: 413,
      json: { code: 'body-too-large' },
    });
  });
});

describe('a slow sender', () => {
  /** What happens to a body whose first byte comes and nothing after it. */
  async function codeOfIdle(headers: Readonly<Record<string, string>>): Promise<string> {
    const read = Promise.withResolvers<string>();
    const server = createServer((req, res) => {
      const stream = new BodyStream(req, {
        limitBytes: MIB,
        encoding: headers['content-encoding'] === 'gzip' ? 'gzip' : null,
        patienceMs: 20,
      });
      stream
        .bytes()
        .then(
          () => 'read',
          (error: unknown) => (error instanceof ApiError ? error.code : String(error)),
        )
        .then((code) => {
          stream.abandon();
          res.end();
          read.resolve(code);
        }, read.reject);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const idle = request({ port: (server.address() as AddressInfo).port, method: 'POST', headers });
    idle.on('error', () => undefined).write(' ');
    try {
      return await read.promise;
    } finally {
      idle.destroy();
      server.closeAllConnections();
      server.close();
    }
  }

  it('that stops halfway is timed out before the whole request’s timeout', async () => {
    expect(await codeOfIdle({})).toBe('request-timeout');
  });

  it('that stops in a compressed body gets that error, not one about its compression', async () => {
    expect(await codeOfIdle({ 'content-encoding': 'gzip' })).toBe('request-timeout');
  });
});
