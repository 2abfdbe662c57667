import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

/** 64 KB of errors plus the rest of the answer. */
const MAX_ANSWER_BYTES = 100_000;

let api: ApiWorld;
let customers: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  customers = `/v1/venues/${await api.aVenue()}/records/customers`;
});

const sizeOf = ({ json }: { readonly json: unknown }) => Buffer.byteLength(JSON.stringify(json));
const post = (path: string, body: string, type = 'application/json') =>
  api.send('POST', path, { body, headers: { 'content-type': type } });

/**
 * Values nested thirty deep under long keys, each with an innermost NUL, so that every error has a path of kilobytes.
 */
function deepAndWrong(valueCount: number): string {
  const values = Array.from({ length: valueCount }, () => '"\\u0000"').join(',');
  return Array.from({ length: 28 }, () => 'k'.repeat(100)).reduceRight(
    (inner, key) => `{"${key}":${inner}}`,
    `[${values}]`,
  );
}

describe('an answer to bad input', () => {
  it('stays small when every value of a body of almost 1 MB is wrong, and counts the errors left out', async () => {
    for (const body of [deepAndWrong(90_000), `[${'"\\u0000",'.repeat(90_000)}1]`]) {
      const answer = await post('/v1/venues', `{"name":${body}}`);
      expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
      expect(sizeOf(answer)).toBeLessThan(MAX_ANSWER_BYTES);
      expect(answer.json.detail).toMatch(/, and \d+ more\.$/);
    }
  });

  it('lists at most 1,000 unknown fields, each with a path of at most 301 characters', async () => {
    const unknown = Array.from({ length: 1_000 }, (_, index) => `"${'x'.repeat(20)}${index}":1`).join(',');
    const answer = await post('/v1/venues', `{${unknown}}`);
    expect(answer.json.errors.length).toBeLessThanOrEqual(1_000);
    const wrong = answer.json as unknown as {
      readonly errors: readonly { readonly path: string }[];
      readonly errorsOmitted: number;
    };
    // Plus the missing `name`, `timeZone` and `currency`.
    expect(wrong.errors.length + wrong.errorsOmitted).toBe(1_003);
    expect(Math.max(...wrong.errors.map(({ path }) => path.length))).toBeLessThanOrEqual(301);
  });

  it('stays small for a load whose every record has many errors, and counts them all', async () => {
    const line = `{"sourceId":"a","metadata":${deepAndWrong(60)}}`;
    const lines = Array.from({ length: 2_000 }, (_, index) => line.replace('"a"', `"c-${index}"`)).join('\n');
    const answer = await post(`${customers}/batch`, lines, 'application/x-ndjson');
    expect(answer.json).toMatchObject({ received: 2_000, rejected: 2_000 });
    expect(answer.json.rejections.length).toBeGreaterThan(0);
    expect(sizeOf(answer)).toBeLessThan(MAX_ANSWER_BYTES);
    const refused = await post(`${customers}/batch?atomic=true`, lines, 'application/x-ndjson');
    expect(refused).toMatchObject({ status: 422, json: { code: 'batch-refused' } });
    expect(sizeOf(refused)).toBeLessThan(MAX_ANSWER_BYTES);
  });

  it('rejects a body, or a record of a load, with more values than any record holds', async () => {
    const many = `[${'0,'.repeat(100_000)}0]`;
    expect(await post('/v1/venues', `{"name":${many}}`)).toMatchObject({
      status: 400,
      json: { code: 'too-many-values' },
    });
    const answer = await post(
      `${customers}/batch`,
      `{"sourceId":"a","metadata":${many}}\n{"sourceId":"b"}`,
      'application/x-ndjson',
    );
    expect(answer.json).toMatchObject({
      created: 1,
      rejected: 1,
      rejections: [
        { line: 1, errors: [{ message: 'Holds more than 100,000 values, or 1,000 members in one object' }] },
      ],
    });
  });

  it('rejects an object with more members than any field has, before it is validated', async () => {
    const withMembers = (count: number) =>
      JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, 1])));
    expect(await post('/v1/venues', withMembers(1_001))).toMatchObject({
      status: 400,
      json: { code: 'too-many-values' },
    });
    expect(await post('/v1/venues', withMembers(1_000))).toMatchObject({
      status: 400,
      json: { code: 'invalid-request' },
    });
    const lines = `{"sourceId":"a","metadata":${withMembers(1_001)}}\n{"sourceId":"b","metadata":[${withMembers(600)},${withMembers(600)}]}`;
    const answer = await post(`${customers}/batch`, lines, 'application/x-ndjson');
    const [first, second] = answer.json.rejections;
    expect(first?.errors).toEqual([
      { path: '', message: 'Holds more than 100,000 values, or 1,000 members in one object' },
    ]);
    expect(second?.errors[0]?.path).toBe('metadata');
  });
});
