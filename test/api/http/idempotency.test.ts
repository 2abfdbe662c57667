import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { idempotencyRefOf } from '../../../api/http/idempotency.ts';
import { digestOf } from '../../../db/core/sealed-answer.ts';
import { statement } from '../../../db/core/statement.ts';
import { writeCaller } from '../../../db/core/venue-scope.ts';
import { aKey, aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

let api: ApiWorld;
let batch: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  batch = `/v1/venues/${await api.aVenue()}/records/customers/batch`;
});

const VENUE = { name: 'Once', timeZone: 'UTC', currency: 'EUR' };
let keys = 0;
const aKeyHeader = () => ({ 'idempotency-key': `key ${(keys += 1)}` });
const venues = async () => Number((await api.database.admin`select count(*) from venues`)[0]?.['count']);

describe('a POST with an Idempotency-Key', () => {
  it('returns the first answer again: status, body and Location', async () => {
    const headers = aKeyHeader();
    const first = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    const before = await venues();
    const again = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    expect([again.status, again.text, again.headers.get('location')]).toEqual([
      201,
      first.text,
      first.headers.get('location'),
    ]);
    expect([first.headers.get('idempotency-replayed'), again.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ]);
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(await venues()).toBe(before);
  });

  it('returns the first answer again after a restart', async () => {
    const headers = aKeyHeader();
    const first = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    await api.restart();
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers })).toMatchObject({
      status: 201,
      text: first.text,
    });
  });

  it('returns a refusal again too', async () => {
    const headers = aKeyHeader();
    const path = batch.replace('records/customers/batch', 'connections');
    const before = (await api.stripe.calls()).length;
    const first = await api.send('POST', path, { json: aKey('sk_test_unknown'), headers });
    const calls = (await api.stripe.calls()).length;
    const again = await api.send('POST', path, { json: aKey('sk_test_unknown'), headers });
    expect(first).toMatchObject({ status: 422, json: { code: 'credentials-refused' } });
    expect([again.status, again.text, again.headers.get('content-type')]).toEqual([
      422,
      first.text,
      'application/problem+json; charset=utf-8',
    ]);
    expect(calls).toBe(before + 1);
    expect((await api.stripe.calls()).length).toBe(calls);
  });

  it('is rejected with another body or another query, and the first answer stays', async () => {
    const headers = aKeyHeader();
    await api.send('POST', batch, { json: { records: [{ sourceId: 'a' }] }, headers });
    expect(await api.send('POST', batch, { json: { records: [{ sourceId: 'b' }] }, headers })).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
    expect(
      await api.send('POST', `${batch}?atomic=true`, { json: { records: [{ sourceId: 'a' }] }, headers }),
    ).toMatchObject({ status: 422, json: { code: 'idempotency-key-reused' } });
    expect(await api.send('POST', batch, { json: { records: [{ sourceId: 'a' }] }, headers })).toMatchObject({
      status: 200,
      json: { created: 1 },
    });
  });

  it('is another request for another caller, and on another path', async () => {
    const headers = aKeyHeader();
    const first = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    const other = await api.send('POST', '/v1/venues', {
      json: VENUE,
      headers,
      token: await aToken({ sub: 'someone else' }),
    });
    expect([other.status, other.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect(other.json.id).not.toBe(first.json.id);
    expect(await api.send('POST', batch, { json: { records: [] }, headers })).toMatchObject({ status: 200 });
  });

  it('does its work once when duplicates arrive together, and all get the one answer', async () => {
    const headers = aKeyHeader();
    const before = await venues();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => api.send('POST', '/v1/venues', { json: VENUE, headers })),
    );
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers.every((answer) => answer.status === 201)).toBe(true);
    expect(answers.filter((answer) => answer.headers.get('idempotency-replayed') === null).length).toBe(1);
    expect(await venues()).toBe(before + 1);
  });

  it('runs again when the first try failed on our side', async () => {
    const headers = aKeyHeader();
    const venueId = await api.aVenue();
    const connectionId = await api.aConnection(venueId);
    const json = { connectionId, resource: 'customers', direction: 'push', mode: 'full' };
    api.gateway.away = true;
    const failed = await api.send('POST', `/v1/venues/${venueId}/syncs`, { json, headers });
    api.gateway.away = false;
    const again = await api.send('POST', `/v1/venues/${venueId}/syncs`, { json, headers });
    expect(failed).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    expect(again.status).toBe(202);
    expect(again.headers.get('idempotency-replayed')).toBeNull();
    expect(api.gateway.started.filter((run) => run.id === again.json.id).length).toBe(1);
  });

  it('stores no answer for an invalid request', async () => {
    const headers = aKeyHeader();
    expect(await api.send('POST', '/v1/venues', { json: { ...VENUE, currency: 'X' }, headers })).toMatchObject({
      status: 400,
    });
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers })).toMatchObject({ status: 201 });
  });

  it('returns no answer of one token to another of the same subject with fewer rights', async () => {
    const headers = aKeyHeader();
    const first = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    expect(first.status).toBe(201);
    const elsewhere = await aToken({ venues: [await api.aVenue()] });
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers, token: elsewhere })).toMatchObject({
      status: 403,
      json: { code: 'forbidden' },
    });
    expect(
      await api.send('POST', '/v1/venues', { json: VENUE, headers, token: await aToken({ role: 'viewer' }) }),
    ).toMatchObject({ status: 403 });
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers })).toMatchObject({
      status: 201,
      text: first.text,
    });
  });

  it('returns no refusal of one token to another of the same subject with more rights', async () => {
    const headers = aKeyHeader();
    const elsewhere = await aToken({ venues: [await api.aVenue()] });
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers, token: elsewhere })).toMatchObject({
      status: 403,
    });
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers })).toMatchObject({ status: 201 });
  });

  it('of one venue is the same request for a token of the same subject that has gained another venue', async () => {
    const headers = aKeyHeader();
    const [venue, other] = [batch.split('/')[3] ?? '', await api.aVenue()];
    const send = async (venues: readonly string[]) =>
      api.send('POST', batch, { json: { records: [{ sourceId: 'a' }] }, headers, token: await aToken({ venues }) });
    const first = await send([venue]);
    expect((await send([other, venue])).headers.get('idempotency-replayed')).toBe('true');
    expect(first.json).toMatchObject({ created: 1 });
  });

  it('stores neither the key nor the answer in clear text, and shows one caller nothing of another', async () => {
    const key = 'a key that nobody may read';
    const json = { provider: 'square', environment: api.environmentOf('square') };
    const path = batch.replace('records/customers/batch', 'connections');
    const first = await api.send('POST', path, { json, headers: { 'idempotency-key': key } });
    expect(first.status).toBe(201);
    const stored = JSON.stringify(
      await api.database.admin`select k.*, encode(answer, 'escape') as text from idempotency_keys k`,
    );
    for (const secret of [
      key,
      new URL(first.json.authorizationUrl).searchParams.get('state') ?? 'no state',
      first.json.id,
    ])
      expect(stored).not.toContain(secret);
    // Without a caller in scope the query fails, or finds nothing on a connection that had one before.
    expect(await api.database.db.execute(sql`select * from idempotency_keys`).catch(() => [])).toEqual([]);
    expect(
      await writeCaller(api.database.db, 'someone else', {
        last: { statement: statement(sql`select * from idempotency_keys`), values: {} },
      }),
    ).toEqual([]);
    expect((await api.send('POST', path, { json, headers: { 'idempotency-key': key } })).text).toBe(first.text);
  });

  it('evaluates a temporary refusal again', async () => {
    const headers = aKeyHeader();
    const json = { ...VENUE, sourceId: 'taken' };
    expect(await api.send('POST', '/v1/venues', { json })).toMatchObject({ status: 201 });
    expect(await api.send('POST', '/v1/venues', { json, headers })).toMatchObject({
      status: 409,
      json: { code: 'source-id-taken' },
    });
    await api.database.admin`update venues set source_id = null where source_id = 'taken'`;
    expect(await api.send('POST', '/v1/venues', { json, headers })).toMatchObject({ status: 201 });
  });

  it('that another process still handles is waited for, and then told to retry', async () => {
    const headers = { 'idempotency-key': 'held' };
    const ref = idempotencyRefOf(
      { subject: 'tester', role: 'admin', venues: '*', expiresAt: new Date() },
      { operation: 'POST /v1/venues', key: 'held', inVenue: false },
    );
    const probe = await api.send('POST', '/v1/venues', { json: VENUE, headers: { 'idempotency-key': 'probe' } });
    expect(probe.status).toBe(201);
    const [row] = await api.database
      .admin`select request_hash from idempotency_keys where key = ${digestOf({ key: 'probe' })}`;
    await api.idempotency.claim(ref, String(row?.['request_hash']), 60_000);
    const elapsedMs = startStopwatch();
    const answer = await api.send('POST', '/v1/venues', { json: VENUE, headers });
    expect(answer).toMatchObject({ status: 409, json: { code: 'idempotency-in-flight' } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(elapsedMs()).toBeLessThan(15_000);
  });

  it.each([[''], ['x'.repeat(256)], ['caf\u00e9']])('whose key is "%s" is rejected', async (key) => {
    expect(await api.send('POST', '/v1/venues', { json: VENUE, headers: { 'idempotency-key': key } })).toMatchObject({
      status: 400,
      json: { errors: [{ path: 'Idempotency-Key' }] },
    });
  });
});

describe('an NDJSON load with an Idempotency-Key', () => {
  const send = (body: string, headers: Readonly<Record<string, string>>) =>
    api.send('POST', batch, { body, headers: { ...headers, 'content-type': 'application/x-ndjson' } });

  it('returns the first answer again for the same bytes, and rejects others', async () => {
    const headers = aKeyHeader();
    const first = await send('{"sourceId":"a"}\n{"sourceId":"b"}', headers);
    const again = await send('{"sourceId":"a"}\n{"sourceId":"b"}', headers);
    expect(first.json).toMatchObject({ created: 2 });
    expect([again.text, again.headers.get('idempotency-replayed')]).toEqual([first.text, 'true']);
    expect([...again.headers.keys()].filter((name) => name.includes('sha256'))).toEqual([]);
    expect(await send('{"sourceId":"c"}', headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
    expect(await api.send('POST', batch, { json: { records: [] }, headers })).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
  });

  it('does its work once when duplicates arrive together', async () => {
    const headers = aKeyHeader();
    const answers = await Promise.all(Array.from({ length: 5 }, () => send('{"sourceId":"x"}', headers)));
    expect(answers.map((answer) => answer.json.created)).toEqual([1, 1, 1, 1, 1]);
  });
});
