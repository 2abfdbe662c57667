import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { aToken, createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld, Answered } from '../api-world.ts';

let api: ApiWorld;
let customers: string;
let batch: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  customers = `/v1/venues/${await api.aVenue()}/records/customers`;
  batch = `${customers}/batch`;
});

const NDJSON = { 'content-type': 'application/x-ndjson' };
const load = (records: readonly unknown[], query = '') => api.send('POST', `${batch}${query}`, { json: { records } });
const loadLines = (body: string | ReadableStream, query = '') =>
  api.send('POST', `${batch}${query}`, { body, headers: NDJSON });
const venueIdOf = (path: string) => path.split('/')[3] ?? '';
const list = async (query = '') => (await api.send('GET', `${customers}${query}`)).json.data;
const counts = ({ json }: Answered) => ({
  received: json.received,
  created: json.created,
  updated: json.updated,
  unchanged: json.unchanged,
  rejected: json.rejected,
});

describe('an atomic load', () => {
  /** Waits until that many loads hold an open transaction while they wait for their callers. */
  const openLoads = (count: number) =>
    vi.waitFor(async () => {
      const [activity] = await api.database.admin`
      select count(*)::int as open from pg_stat_activity where datname = current_database() and state = 'idle in transaction' and query like '%staged_records%'`;
      expect(activity).toEqual({ open: count });
    }, 20_000);
  const many = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ sourceId: `c${index}`, name: `Customer ${index}` }));
  const asLines = (records: readonly unknown[]) => records.map((record) => JSON.stringify(record)).join('\n');
  const rows = async () =>
    await api.database
      .admin`select version, xmin::text as transaction from customers where venue_id = ${venueIdOf(customers)}`;

  it('accepts more than fits in one write, in one transaction, and reports it unchanged the next time', async () => {
    expect(counts(await loadLines(asLines(many(12_000)), '?atomic=true'))).toEqual({
      received: 12_000,
      created: 12_000,
      updated: 0,
      unchanged: 0,
      rejected: 0,
    });
    expect(new Set((await rows()).map(({ transaction }) => String(transaction))).size).toBe(1);
    const changed = many(12_001).map((record, index) => (index % 1_000 === 0 ? { ...record, phone: '1' } : record));
    expect(counts(await load(changed, '?atomic=true'))).toEqual({
      received: 12_001,
      created: 1,
      updated: 12,
      unchanged: 11_988,
      rejected: 0,
    });
    expect((await rows()).filter(({ version }) => version === 2)).toHaveLength(12);
  });

  it('shows nothing before the last record has arrived', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const answer = loadLines(readable, '?atomic=true');
    await writer.write(new Uint8Array(Buffer.from(`${asLines(many(3_000))}\n`)));
    await openLoads(1);
    expect(await list()).toEqual([]);
    // Other writes to the same records are not blocked meanwhile.
    expect(counts(await load([{ sourceId: 'c7', name: 'Written meanwhile' }]))).toMatchObject({ created: 1 });
    await writer.close();
    expect(counts(await answer)).toMatchObject({ received: 3_000, created: 2_999, updated: 1 });
  });

  it('gets Retry-After while its venue sends two others, or all venues five', async () => {
    const others = await Promise.all(
      [1, 2, 3].map(async () => `/v1/venues/${await api.aVenue()}/records/customers/batch`),
    );
    const [other = ''] = others;
    const open = [batch, batch, ...others].map((path) => ({
      path,
      pipe: new TransformStream<Uint8Array, Uint8Array>(),
    }));
    const writers = open.map(({ pipe }) => pipe.writable.getWriter());
    const send = (index: number) =>
      api.send('POST', `${open[index]?.path ?? ''}?atomic=true`, {
        body: open[index]!.pipe.readable,
        headers: { 'content-type': 'application/x-ndjson' },
      });
    const begin = async (indexes: readonly number[]) => {
      const answers = indexes.map(send);
      for (const index of indexes)
        await writers[index]?.write(new Uint8Array(Buffer.from(`{"sourceId":"w${index}"}\n`)));
      return answers;
    };
    const atomic = (path: string) =>
      api.send('POST', `${path}?atomic=true`, { json: { records: [{ sourceId: 'a' }] } });
    const first = await begin([0, 1]);
    await openLoads(2);
    const refused = await atomic(batch);
    expect(refused).toMatchObject({ status: 503, json: { code: 'too-many-loads' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await atomic(other)).toMatchObject({ status: 200 });
    const second = await begin([2, 3, 4]);
    await openLoads(5);
    expect(await atomic(other)).toMatchObject({ status: 503, json: { code: 'too-many-loads' } });
    expect(await load([{ sourceId: 'b' }])).toMatchObject({ status: 200 });
    await Promise.all(writers.map((writer) => writer.close()));
    expect((await Promise.all([...first, ...second])).map(({ json }) => json.created)).toEqual([1, 1, 1, 1, 1]);
    expect(await atomic(batch)).toMatchObject({ status: 200 });
  });

  it('stores nothing when the caller hangs up halfway, and releases its connection', async () => {
    const venues: string[] = [];
    for (let attempt = 0; attempt < 12; attempt += 1) {
      // One venue each, because two loads that are being aborted may take a venue's whole share.
      venues.push(await api.aVenue());
      const path = `/v1/venues/${venues.at(-1) ?? ''}/records/customers/batch`;
      const hangUp = new AbortController();
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(Buffer.from(`${asLines(many(1_500))}\n`)));
          setTimeout(() => {
            hangUp.abort();
          }, 50);
        },
      });
      await expect(
        fetch(`http://127.0.0.1:${api.port}${path}?atomic=true`, {
          method: 'POST',
          body,
          duplex: 'half',
          signal: hangUp.signal,
          headers: { ...NDJSON, authorization: `Bearer ${await aToken()}` },
        }),
      ).rejects.toThrow();
    }
    await openLoads(0);
    expect(
      await api.database.admin`select from customers where venue_id in ${api.database.admin(venues)}`,
    ).toHaveLength(0);
  });

  it('reports database violations together with validation errors, each with its position', async () => {
    const products = batch.replace('customers', 'products');
    const body = asLines([
      { sourceId: 'a', name: 'A', amountMinor: 5 },
      { sourceId: 'b' },
      { sourceId: 'c', name: 'C' },
      { sourceId: 'd', name: 7 },
    ]);
    const refused = await api.send('POST', `${products}?atomic=true`, { body, headers: NDJSON });
    expect(refused).toMatchObject({
      status: 422,
      json: { code: 'batch-refused', detail: '3 of 4 records are bad. Nothing was written.' },
    });
    expect(pathsOf(refused.json.errors)).toEqual(['lines.1.currency', 'lines.2.name', 'lines.4.name']);
    const withoutWrong = await api.send('POST', `${products}?atomic=true`, {
      body: asLines([{ sourceId: 'b' }, { sourceId: 'c', name: 'C' }]),
      headers: NDJSON,
    });
    expect(pathsOf(withoutWrong.json.errors)).toEqual(['lines.1.name']);
    expect((await api.send('GET', batch.replace('customers/batch', 'products'))).json.data).toEqual([]);
  });

  it('does not deadlock with another that overlaps in opposite order', async () => {
    const [one, other] = [
      many(3_000),
      many(3_000)
        .reverse()
        .map((record) => ({ ...record, phone: '2' })),
    ];
    const answers = await Promise.all([
      load(one, '?atomic=true'),
      load(other, '?atomic=true'),
      load(one.toReversed()),
      load(other),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(answers.reduce((sum, answer) => sum + answer.json.created, 0)).toBe(3_000);
  });
});
