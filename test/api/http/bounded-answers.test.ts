import { connect } from 'node:net';
import type { Socket } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../../api/app.ts';
import { startServer } from '../../../api/http/server.ts';
import { createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { AnswerBody, ApiWorld } from '../api-world.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

const MIB = 1_048_576;

describe('a page of records', () => {
  it('ends before it has 5 MB, and its cursor continues there', async () => {
    const products = `/v1/venues/${await api.aVenue()}/records/products`;
    const sourceIds = Array.from({ length: 80 }, (_, index) => `p${String(index).padStart(3, '0')}`);
    for (let start = 0; start < sourceIds.length; start += 40) {
      const records = sourceIds
        .slice(start, start + 40)
        .map((sourceId) => ({ sourceId, name: sourceId, description: '€'.repeat(40_000) }));
      expect(await api.send('POST', `${products}/batch`, { json: { records } })).toMatchObject({
        json: { created: 40 },
      });
    }
    const pages: AnswerBody[] = [];
    for (let cursor: string | null = ''; cursor !== null; cursor = pages.at(-1)?.nextCursor ?? null) {
      const page = await api.send('GET', `${products}?limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(page.status).toBe(200);
      expect(Buffer.byteLength(page.text)).toBeLessThan(5 * MIB);
      pages.push(page.json);
    }
    expect(pages.length).toBeGreaterThan(1);
    expect(pages.flatMap(({ data }) => data.map(({ sourceId }) => sourceId))).toEqual(sourceIds);
  });
});

describe('a record', () => {
  it.each([
    [
      'metadata of more than 64 KB',
      'customers',
      { metadata: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'v'.repeat(4_000)])) },
      'metadata',
    ],
    [
      'lines of an invoice of more than 750 KB',
      'invoices',
      { lines: Array.from({ length: 200 }, () => ({ amountMinor: 1, description: 'd'.repeat(4_500) })) },
      'lines',
    ],
    [
      'lines of more than 750 KB',
      'transactions',
      { lines: Array.from({ length: 200 }, () => ({ amountMinor: 1, description: 'd'.repeat(4_500) })) },
      'lines',
    ],
  ])('with %s is rejected', async (_case, resource, fields, path) => {
    const whole: Readonly<Record<string, object>> = {
      customers: {},
      invoices: { status: 'open', currency: 'EUR', totalMinor: 1 },
      transactions: {
        kind: 'payment',
        occurredAt: '2026-11-28T00:00:00Z',
        amountMinor: 1,
        currency: 'EUR',
        status: 'succeeded',
      },
    };
    const answer = await api.send('POST', `/v1/venues/${await api.aVenue()}/records/${resource}/batch`, {
      json: { records: [{ sourceId: 'a', ...whole[resource], ...fields }] },
    });
    expect(answer.json).toMatchObject({ created: 0, rejected: 1, rejections: [{ errors: [{ path }] }] });
  });
});

describe('a stalled reader', () => {
  it('is disconnected, and what it has not read is freed', async () => {
    const closed = Promise.withResolvers<boolean>();
    const app = express();
    app.get('/', (_req, res) => {
      res.once('close', () => {
        closed.resolve(res.writableFinished);
      });
      res.end(Buffer.alloc(32 * MIB));
    });
    const server = await startServer({ express: app, endpoints: [], endStreams: () => undefined } satisfies App, {
      host: '127.0.0.1',
      port: 0,
      publicUrl: PUBLIC_URL,
      stalledMs: 50,
    });
    const reader: Socket = connect(server.port, '127.0.0.1');
    reader.on('error', () => undefined).write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await closed.promise).toBe(false);
    reader.destroy();
    await server.stop();
  });
});
