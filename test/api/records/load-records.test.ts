import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiWorld, pathsOf } from '../api-world.ts';
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
const loadLines = (body: string | Uint8Array<ArrayBuffer> | ReadableStream, query = '') =>
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

const ADA = {
  sourceId: 'ADA',
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  phone: '+44 20 7946 0000',
  address: {
    line1: '12 St James’s Square',
    line2: null,
    city: 'London',
    region: null,
    postalCode: 'SW1Y 4JH',
    country: 'GB',
  },
  marketingConsent: true,
  metadata: { tier: 'gold' },
};

describe('loading customers', () => {
  it('creates, then reports unchanged, then updates exactly what changed', async () => {
    expect(counts(await load([ADA, { sourceId: 'BOB' }]))).toEqual({
      received: 2,
      created: 2,
      updated: 0,
      unchanged: 0,
      rejected: 0,
    });
    expect(counts(await load([ADA, { sourceId: 'BOB' }]))).toEqual({
      received: 2,
      created: 0,
      updated: 0,
      unchanged: 2,
      rejected: 0,
    });
    expect(counts(await load([ADA, { sourceId: 'BOB', phone: '1' }]))).toEqual({
      received: 2,
      created: 0,
      updated: 1,
      unchanged: 1,
      rejected: 0,
    });
    expect(await list()).toMatchObject([
      { ...ADA, version: 1, deletedAt: null, links: [] },
      { sourceId: 'BOB', phone: '1', name: null, metadata: {}, version: 2 },
    ]);
  });

  it('keeps the value of an omitted field, and clears a null one', async () => {
    await load([ADA]);
    await load([{ sourceId: 'ADA', phone: null, metadata: null }]);
    expect(await list()).toMatchObject([{ name: ADA.name, email: ADA.email, phone: null, metadata: {} }]);
  });

  it('stores the good records and lists the bad, with every wrong field of each', async () => {
    const answer = await load([
      ADA,
      { sourceId: '', email: 'no-email', colour: 1 },
      { name: 'no key' },
      'text',
      null,
      { sourceId: 'OK' },
    ]);
    expect(answer.status).toBe(200);
    expect(counts(answer)).toEqual({ received: 6, created: 2, updated: 0, unchanged: 0, rejected: 4 });
    expect(answer.json.rejections).toMatchObject([
      { line: 2, sourceId: null },
      { line: 3, sourceId: null, errors: [{ path: 'sourceId', message: 'Required' }] },
      { line: 4, sourceId: null },
      { line: 5, sourceId: null },
    ]);
    expect(pathsOf(answer.json.rejections[0]?.errors)).toEqual(['sourceId', 'email', 'colour']);
  });

  it.each([
    ['a sourceId of 256 characters', { sourceId: 'x'.repeat(256) }, 'sourceId'],
    ['a sourceId that is a number', { sourceId: 7 }, 'sourceId'],
    ['a tab in the sourceId', { sourceId: 'a\tb' }, 'sourceId'],
    ['a name of 1,001 characters', { name: 'x'.repeat(1_001) }, 'name'],
    ['a bad e-mail', { email: 'ada@' }, 'email'],
    ['an e-mail of 513 characters', { email: `${'a'.repeat(501)}@example.com` }, 'email'],
    ['a phone of 51 characters', { phone: '1'.repeat(51) }, 'phone'],
    ['an address line of 501 characters', { address: { line1: 'x'.repeat(501) } }, 'address.line1'],
    ['an unknown part of an address', { address: { street: 'x' } }, 'address.street'],
    ['consent that is text', { marketingConsent: 'yes' }, 'marketingConsent'],
    [
      '51 keys of metadata',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'v'])) },
      'metadata',
    ],
    ['a metadata key of 101 characters', { metadata: { ['k'.repeat(101)]: 'v' } }, `metadata.${'k'.repeat(100)}…`],
    ['a metadata value of 5,001 characters', { metadata: { k: 'v'.repeat(5_001) } }, 'metadata.k'],
    ['a metadata value that is a number', { metadata: { k: 1 } }, 'metadata.k'],
  ])('rejects %s, naming the field', async (_case, wrong, path) => {
    const answer = await load([{ sourceId: 'A', ...wrong }]);
    expect(answer.json).toMatchObject({ created: 0, rejected: 1 });
    expect(pathsOf(answer.json.rejections[0]?.errors)).toEqual([path]);
  });

  it('accepts values exactly at the limits', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 50 }, (_, index) => [`k${index}`.padEnd(100, 'k'), 'v'.repeat(100)]),
    );
    const record = {
      sourceId: '😀'.repeat(127),
      name: 'ö'.repeat(1_000),
      phone: '1'.repeat(50),
      address: { line1: 'x'.repeat(500) },
      metadata,
    };
    expect((await load([record])).json.rejections).toEqual([]);
    expect(await list()).toMatchObject([{ sourceId: record.sourceId, name: record.name, metadata }]);
  });

  it('rejects the later of two records with one sourceId by name, with the line of the first', async () => {
    const answer = await load([ADA, { sourceId: 'BOB' }, { ...ADA, name: 'Someone else' }]);
    expect(answer.json).toMatchObject({
      created: 2,
      rejected: 1,
      rejections: [
        { line: 3, sourceId: 'ADA', errors: [{ path: 'sourceId', message: 'Already in this batch, on line 1' }] },
      ],
    });
    expect(await list()).toMatchObject([{ name: ADA.name }, {}]);
  });

  it('stores nothing when one record is bad and an atomic load was requested', async () => {
    const refused = await load([ADA, { sourceId: 'BOB', email: 'x', phone: 7 }, ADA], '?atomic=true');
    expect(refused).toMatchObject({ status: 422, json: { code: 'batch-refused' } });
    expect(pathsOf(refused.json.errors)).toEqual(['records.1.email', 'records.1.phone', 'records.2.sourceId']);
    expect(await list()).toEqual([]);
    expect(counts(await load([ADA, { sourceId: 'BOB' }], '?atomic=true'))).toMatchObject({ created: 2 });
  });

  it.each([
    ['an array', '[]', ''],
    ['no records', '{}', 'records'],
    ['records that are no list', '{"records":{}}', 'records'],
    ['another field beside records', '{"records":[],"mode":"fast"}', 'mode'],
  ])('rejects %s as a batch', async (_case, body, path) => {
    const answer = await api.send('POST', batch, { body, headers: { 'content-type': 'application/json' } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request', errors: [{ path }] } });
  });

  it('writes counts, and no record, to the audit trail', async () => {
    await load([ADA, { sourceId: '' }]);
    const rows = await api.database
      .admin`select action, actor, details from audit_log where action = 'records.loaded' order by id desc limit 1`;
    expect(rows).toMatchObject([
      { actor: 'tester', details: { received: 2, created: 1, updated: 0, unchanged: 0, rejected: 1, atomic: false } },
    ]);
  });
});

describe('loading customers as NDJSON', () => {
  it('reads one record a line, skips blank ones, and counts lines as an editor does', async () => {
    const lines = [JSON.stringify(ADA), '', '{"sourceId":', '\r', '{"sourceId":"BOB"}\r', '[1]', '{"sourceId":"ADA"}'];
    const answer = await loadLines(`\ufeff${lines.join('\n')}`);
    expect(counts(answer)).toEqual({ received: 5, created: 2, updated: 0, unchanged: 0, rejected: 3 });
    expect(answer.json.rejections).toMatchObject([
      { line: 3, sourceId: null, errors: [{ path: '', message: 'Not valid JSON' }] },
      { line: 6, sourceId: null },
      { line: 7, sourceId: 'ADA', errors: [{ message: 'Already in this batch, on line 1' }] },
    ]);
  });

  it('rejects a line that is not UTF-8, too deep or too long, and continues', async () => {
    const encode = (text: string) => Buffer.from(text);
    const body = Buffer.concat([
      encode('{"sourceId":"'),
      Buffer.from([0xff, 0xfe]),
      encode('"}\n'),
      encode(`{"sourceId":"d","metadata":${'['.repeat(100_000)}\n`),
      encode(`{"sourceId":"l","name":"${'x'.repeat(1_100_000)}"}\n`),
      encode('{"sourceId":"fine"}'),
    ]);
    const answer = await loadLines(new Uint8Array(body));
    expect(counts(answer)).toMatchObject({ created: 1, rejected: 3 });
    expect(answer.json.rejections.map(({ errors }) => errors[0]?.message)).toEqual([
      'Not valid UTF-8',
      'Nested too deeply',
      'Longer than 1 MB',
    ]);
  });

  it('assembles lines whose parts arrive one by one', async () => {
    const bytes = Buffer.from(`${JSON.stringify(ADA)}\n${JSON.stringify({ sourceId: 'Ü' })}`);
    const pieces = new ReadableStream({
      async start(controller) {
        for (let start = 0; start < bytes.length; start += 7) {
          controller.enqueue(new Uint8Array(bytes.subarray(start, start + 7)));
          if (start % 70 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
        }
        controller.close();
      },
    });
    expect(counts(await loadLines(pieces))).toMatchObject({ created: 2, rejected: 0 });
    expect(await list()).toMatchObject([ADA, { sourceId: 'Ü' }]);
  });

  it('loads 12,345 records in bounded chunks', async () => {
    const lines = Array.from({ length: 12_345 }, (_, index) =>
      JSON.stringify({ sourceId: `c${index}`, name: `Customer ${index}` }),
    );
    const answer = await loadLines(lines.join('\n'));
    expect(counts(answer)).toEqual({ received: 12_345, created: 12_345, updated: 0, unchanged: 0, rejected: 0 });
    const [row] = await api.database
      .admin`select count(*)::int as n, count(distinct xmin::text)::int as transactions from customers where venue_id = ${customers.split('/')[3] ?? ''}`;
    expect(row).toEqual({ n: 12_345, transactions: 13 });
  });

  it('stores nothing when one record is bad and an atomic load was requested', async () => {
    const refused = await loadLines('{"sourceId":"A"}\n{"sourceId":"B","email":"x"}\nnonsense', '?atomic=true');
    expect(refused).toMatchObject({ status: 422, json: { code: 'batch-refused' } });
    expect(pathsOf(refused.json.errors)).toEqual(['lines.2.email', 'lines.3']);
    expect(await list()).toEqual([]);
  });

  it('rejects a compressed body', async () => {
    const answer = await api.send('POST', batch, { body: 'x', headers: { ...NDJSON, 'content-encoding': 'gzip' } });
    expect(answer).toMatchObject({ status: 415, json: { code: 'unsupported-media-type' } });
  });
});

describe('loading a JSON list', () => {
  const JSON_TYPE = { 'content-type': 'application/json' };
  const post = (body: string | ReadableStream, query = '') =>
    api.send('POST', `${batch}${query}`, { body, headers: JSON_TYPE });

  it('accepts more than one write holds, a thousand a transaction, with any white space between records', async () => {
    const records = Array.from({ length: 3_500 }, (_, index) => ({
      sourceId: `c${index}`,
      name: `[{"Customer, \\ ${index}`,
      metadata: { k: ']}' },
    }));
    expect(counts(await post(`\ufeff${JSON.stringify({ records }, null, 2)}`))).toEqual({
      received: 3_500,
      created: 3_500,
      updated: 0,
      unchanged: 0,
      rejected: 0,
    });
    const [row] = await api.database
      .admin`select count(distinct xmin::text)::int as transactions from customers where venue_id = ${venueIdOf(customers)}`;
    expect(row).toEqual({ transactions: 4 });
    expect(await list('?sourceId=c3499')).toMatchObject([records[3_499]]);
  });

  it('rejects just the record that is larger than 1 MB', async () => {
    const answer = await load([ADA, { sourceId: 'L', name: 'x'.repeat(1_100_000) }, { sourceId: 'BOB' }]);
    expect(counts(answer)).toMatchObject({ received: 3, created: 2, rejected: 1 });
    expect(answer.json.rejections).toMatchObject([{ line: 2, errors: [{ path: '', message: 'Longer than 1 MB' }] }]);
  });

  it('that is malformed from some point on is rejected with that position, and says how many records before it were stored', async () => {
    const good = Array.from({ length: 2_500 }, (_, index) => `{"sourceId":"c${index}"}`);
    const broken = await post(`{"records":[${[...good, '{"sourceId":secret}', '{"sourceId":"z"}'].join(',')}]}`);
    expect(broken).toMatchObject({
      status: 400,
      json: {
        code: 'malformed-json',
        detail: expect.stringMatching(/^Record 2501: .* 2000 records before that were kept\.$/) as string,
      },
    });
    expect(broken.json.detail).not.toContain('secret');
    expect((await post(`{"records":[${good.join(',')}]}`)).json).toMatchObject({ unchanged: 2_000, created: 500 });
  });

  it.each([
    ['an empty place', '{"records":[{"sourceId":"a"},]}', 'malformed-json'],
    ['a hole', '{"records":[{"sourceId":"a"},,{"sourceId":"b"}]}', 'malformed-json'],
    ['brackets that do not match', '{"records":[{"sourceId":"a"]}}', 'malformed-json'],
    ['a list that does not end', '{"records":[{"sourceId":"a"}', 'malformed-json'],
    ['something behind the end', '{"records":[{"sourceId":"a"}]} {"records":[]}', 'malformed-json'],
    ['two records without a comma', '{"records":[{"sourceId":"a"} {"sourceId":"b"}]}', 'malformed-json'],
    ['records twice', '{"records":[{"sourceId":"a"}],"records":[{"sourceId":"b"}]}', 'invalid-request'],
    ['another field behind the records', '{"records":[{"sourceId":"a"}],"mode":1}', 'invalid-request'],
    ['records within something else', '{"x":{"records":[{"sourceId":"a"}]}}', 'invalid-request'],
    ['a list of other things first', '{"other":[{"sourceId":"a"}],"records":[{"sourceId":"a"}]}', 'invalid-request'],
    ['no object around a long list', `[${'{"sourceId":"a"},'.repeat(1_000)}{}]`, 'invalid-request'],
    ['much around the records', `{"x":"${'x'.repeat(5_000)}","records":[]}`, 'body-too-large'],
  ])('with %s is rejected, and nothing is stored', async (_case, body, code) => {
    expect((await post(body)).json).toMatchObject({ code });
    expect(await list()).toEqual([]);
  });

  it('finds the records by their key however it is escaped', async () => {
    expect((await post('{ "r\\u0065cords" : [ {"sourceId":"a"} ] }')).json).toMatchObject({ created: 1 });
  });
});

describe('customers with accents and gaps', () => {
  it('loads completely', async () => {
    const records = NORTHWIND.map((row) => ({
      sourceId: row.customer_id,
      name: row.company_name,
      phone: row.phone,
      address: {
        line1: row.address,
        city: row.city,
        region: row.region,
        postalCode: row.postal_code,
        country: row.country,
      },
      metadata: { contact: row.contact_name },
    }));
    expect((await load(records)).json).toMatchObject({ created: records.length, rejected: 0 });
  });
});

/** From the Northwind sample: accents, a missing region, a long street. */
const NORTHWIND = [
  {
    customer_id: 'ANATR',
    company_name: 'Ana Trujillo Emparedados y helados',
    contact_name: 'Ana Trujillo',
    address: 'Avda. de la Constitución 2222',
    city: 'México D.F.',
    region: null,
    postal_code: '05021',
    country: 'Mexico',
    phone: '(5) 555-4729',
  },
  {
    customer_id: 'BLONP',
    company_name: 'Blondesddsl père et fils',
    contact_name: 'Frédérique Citeaux',
    address: '24, place Kléber',
    city: 'Strasbourg',
    region: null,
    postal_code: '67000',
    country: 'France',
    phone: '88.60.15.31',
  },
];
