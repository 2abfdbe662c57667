import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let batch: string;
let customers: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  const venueId = await api.aVenue();
  customers = `/v1/venues/${venueId}/records/customers`;
  batch = `${customers}/batch`;
});

const JSON_HEADERS = { 'content-type': 'application/json' };
const postRaw = (
  path: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = JSON_HEADERS,
) => api.send('POST', path, { body, headers });
const count = async () => (await api.send('GET', `${customers}?limit=200`)).json.data.length;

describe('a body', () => {
  it.each([
    ['that breaks off', '{"name": "x'],
    ['with a trailing comma', '{"name": "x",}'],
    ['of two values', '{} {}'],
    ['that is empty', ''],
    ['of a word', 'name=x'],
  ])('of %s is rejected as malformed JSON without quoting it', async (_case, body) => {
    for (const path of ['/v1/venues', batch]) {
      const answer = await postRaw(path, body);
      expect(answer).toMatchObject({ status: 400, json: { code: 'malformed-json' } });
      expect(answer.json.detail).not.toContain('name');
    }
  });

  it.each([
    ['null', 'null'],
    ['an array', '[]'],
    ['a string', '"x"'],
    ['a number', '1e400'],
  ])('of %s in place of an object is rejected', async (_case, body) => {
    for (const path of ['/v1/venues', batch])
      expect(await postRaw(path, body)).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
  });

  it('that is not UTF-8 is rejected', async () => {
    const body = new Uint8Array([...Buffer.from('{"records":[{"sourceId":"'), 0xc3, 0x28, ...Buffer.from('"}]}')]);
    expect(await postRaw(batch, body)).toMatchObject({ status: 400, json: { code: 'invalid-encoding' } });
    expect(await count()).toBe(0);
  });

  it.each([33, 10_000, 1_000_000])('nested %d deep is rejected, and does not exhaust the stack', async (depth) => {
    const deep = '['.repeat(depth) + ']'.repeat(depth);
    expect(await postRaw(batch, `{"records":${deep}}`)).toMatchObject({
      status: 400,
      json: { code: 'too-deeply-nested' },
    });
    if (depth < 100_000)
      expect(await postRaw('/v1/venues', `{"name":${deep}}`)).toMatchObject({
        status: 400,
        json: { code: 'too-deeply-nested' },
      });
  });

  it('with brackets in its strings does not count as deep', async () => {
    const answer = await api.send('POST', batch, {
      json: { records: [{ sourceId: 'a', name: `${'['.repeat(100)}"\\{` }] },
    });
    expect(answer.json).toMatchObject({ created: 1, rejected: 0 });
  });

  it('of 50 MB is rejected, also when only its decompressed size is that large', async () => {
    const huge = Buffer.alloc(50 * 1_048_576, ' ');
    expect(await postRaw(batch, huge)).toMatchObject({ status: 413, json: { code: 'body-too-large' } });
    expect(await postRaw('/v1/venues', huge)).toMatchObject({ status: 413, json: { code: 'body-too-large' } });
    const packed = new Uint8Array(gzipSync(huge));
    expect(await postRaw(batch, packed, { ...JSON_HEADERS, 'content-encoding': 'gzip' })).toMatchObject({
      status: 413,
      json: { code: 'body-too-large' },
    });
  });

  it('that is gzipped is accepted, and one that only claims to be is rejected', async () => {
    const headers = { ...JSON_HEADERS, 'content-encoding': 'gzip' };
    const packed = new Uint8Array(gzipSync(JSON.stringify({ records: [{ sourceId: 'zipped' }] })));
    expect((await postRaw(batch, packed, headers)).json).toMatchObject({ created: 1 });
    expect(await postRaw(batch, '{"records":[]}', headers)).toMatchObject({
      status: 400,
      json: { code: 'invalid-encoding' },
    });
    expect(await postRaw(batch, '{}', { ...JSON_HEADERS, 'content-encoding': 'compress' })).toMatchObject({
      status: 415,
      json: { code: 'unsupported-media-type' },
    });
  });

  it.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/json; charset=latin1'],
    ['application/json; charset=utf-16'],
    ['application/jsonp'],
    ['multipart/form-data; boundary=x'],
    [''],
  ])('of type "%s" is rejected', async (type) => {
    expect(await postRaw('/v1/venues', '{}', { 'content-type': type })).toMatchObject({
      status: 415,
      json: { code: 'unsupported-media-type' },
    });
  });

  it('of JSON with a UTF-8 charset is accepted', async () => {
    expect(
      await postRaw(batch, '{"records":[]}', { 'content-type': 'Application/JSON; charset="UTF-8"' }),
    ).toMatchObject({ status: 200 });
  });
});

describe('a string', () => {
  it.each([
    ['NUL', 'a\0b'],
    ['half a surrogate pair', 'a\ud800b'],
  ])('with %s is an error of its field at any depth', async (_case, text) => {
    const venue = await api.send('POST', '/v1/venues', { json: { name: text, timeZone: 'UTC', currency: 'EUR' } });
    expect(venue.json).toMatchObject({ code: 'invalid-request', errors: [{ path: 'name' }] });
    const records = [
      { sourceId: 'k', metadata: { [text]: 'v' } },
      { sourceId: 'v', metadata: { k: text } },
      { sourceId: text },
      { sourceId: 'fine' },
    ];
    const loaded = await api.send('POST', batch, { json: { records } });
    expect(loaded.json).toMatchObject({ created: 1, rejected: 3 });
    expect(loaded.json.rejections.map(({ line }) => line)).toEqual([1, 2, 3]);
    const listed = await api.send('GET', `${customers}?sourceId=${encodeURIComponent('a\0b')}`);
    expect(listed.json.errors).toContainEqual({ path: 'sourceId', message: 'Must not contain NUL' });
  });
});

describe('keys that target prototypes', () => {
  it.each(['__proto__', 'constructor', 'prototype'])(
    'include %s, which is an unknown field at any depth and pollutes nothing',
    async (key) => {
      const evil = `{"${key}":{"polluted":true}}`;
      const venue = await postRaw(
        '/v1/venues',
        `{"name":"x","timeZone":"UTC","currency":"EUR","${key}":{"polluted":true}}`,
      );
      expect(venue.json).toMatchObject({ code: 'invalid-request', errors: [{ path: key, message: 'Unknown field' }] });
      const loaded = await postRaw(
        batch,
        `{"records":[{"sourceId":"a","metadata":{"${key}":"x"}},{"sourceId":"b","address":${evil}},{"sourceId":"c","${key}":1}]}`,
      );
      expect(loaded.json.rejections).toMatchObject([
        { errors: [{ path: `metadata.${key}`, message: 'Unknown field' }] },
        { errors: [{ path: `address.${key}`, message: 'Unknown field' }] },
        { errors: [{ path: key, message: 'Unknown field' }] },
      ]);
      expect(await postRaw(batch, `{"records":[],"${key}":{"polluted":true}}`)).toMatchObject({
        status: 400,
        json: { errors: [{ path: key }] },
      });
      expect(await api.send('GET', `${customers}?${key}=polluted`)).toMatchObject({
        status: 400,
        json: { errors: [{ path: key }] },
      });
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
      expect(await count()).toBe(0);
    },
  );
});

describe('a query', () => {
  it.each([
    ['an unknown parameter', '?colour=red', 'colour'],
    ['a repeated parameter', '?limit=1&limit=2', 'limit'],
    ['a limit of 0', '?limit=0', 'limit'],
    ['a limit of 201', '?limit=201', 'limit'],
    ['a limit that is no number', '?limit=1e2', 'limit'],
    ['a time without an offset', '?updatedSince=2026-11-21T10:00:00', 'updatedSince'],
    ['a connection that is no id', '?connectionId=stripe', 'connectionId'],
    ['a flag that is none', '?includeDeleted=1', 'includeDeleted'],
    ['an empty cursor', '?cursor=', 'cursor'],
  ])('with %s is rejected by name', async (_case, query, path) => {
    expect(await api.send('GET', `${customers}${query}`)).toMatchObject({
      status: 400,
      json: { code: 'invalid-request', errors: [{ path }] },
    });
  });

  it('and a body that are both wrong are reported together', async () => {
    const answer = await api.send('POST', '/v1/venues?colour=red', { json: { timeZone: 'UTC', currency: 'EUR' } });
    expect(pathsOf(answer.json.errors)).toEqual(['colour', 'name']);
  });
});

describe('a path', () => {
  it.each([
    '/',
    '/v1',
    '/v1/',
    '/v2/venues',
    '/v1/venues/',
    '/V1/venues',
    '/v1/providers',
    '/metrics',
    '/health',
    '/health/deeper',
    '/docs/swagger-ui.js',
    '/docs/../package.json',
  ])('%s that does not exist is 404 with problem details', async (path) => {
    const answer = await api.send('GET', path);
    expect(answer).toMatchObject({
      status: 404,
      json: { code: 'not-found', status: 404, requestId: answer.headers.get('x-request-id') },
    });
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  });

  it('of an unknown resource is 404', async () => {
    const path = customers.replace('customers', 'orders');
    expect(await api.send('GET', path)).toMatchObject({ status: 404, json: { code: 'not-found' } });
    expect(await api.send('POST', `${path}/batch`, { json: { records: [] } })).toMatchObject({
      status: 404,
      json: { code: 'not-found' },
    });
  });

  it('that is not valid percent-encoding is 400', async () => {
    expect(await api.send('GET', '/v1/venues/%E0%A4%A')).toMatchObject({
      status: 400,
      json: { code: 'malformed-request' },
    });
  });

  it('that exists answers 405 with Allow to other methods, and OPTIONS with Allow alone', async () => {
    for (const [path, allow] of [
      ['/v1/venues', 'POST, GET, HEAD, OPTIONS'],
      [customers, 'GET, HEAD, OPTIONS'],
      [batch, 'POST, OPTIONS'],
      ['/health/live', 'GET, HEAD, OPTIONS'],
      ['/docs', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const wrong = await api.send('DELETE', path);
      expect(wrong).toMatchObject({ status: 405, json: { code: 'method-not-allowed' } });
      expect(wrong.headers.get('allow')).toBe(allow);
      const options = await api.send('OPTIONS', path, { token: null });
      expect([options.status, options.headers.get('allow'), options.text]).toEqual([204, allow, '']);
    }
  });

  it('answers HEAD like GET without a body', async () => {
    const head = await api.send('HEAD', '/v1/venues');
    expect([head.status, head.text, head.headers.get('content-type')]).toEqual([
      200,
      '',
      'application/json; charset=utf-8',
    ]);
    expect(await api.send('HEAD', '/v1/venues', { token: null })).toMatchObject({ status: 401, text: '' });
  });
});
