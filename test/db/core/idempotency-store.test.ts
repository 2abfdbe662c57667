import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createIdempotencyStore } from '../../../db/core/idempotency-store.ts';
import type { IdempotencyStore } from '../../../db/core/idempotency-store.ts';
import type { IdempotencyKeyRef } from '../../../db/core/sealed-answer.ts';
import { digestOf } from '../../../db/core/sealed-answer.ts';
import { createRetentionStore } from '../../../db/core/retention-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const LOCK_MS = 60_000;
const ANSWER = { status: 201, headers: { location: '/v1/venues/1' }, body: '{"id":"1"}' };

describe('idempotency keys', () => {
  let database: TestDatabase;
  let store: IdempotencyStore;
  let count = 0;
  const aKey = (): IdempotencyKeyRef => ({ caller: 'alice', operation: 'POST /v1/venues', key: `key-${(count += 1)}` });
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createIdempotencyStore(database.db);
  });
  afterAll(() => database.drop());

  it('are claimed by exactly one of twenty concurrent callers', async () => {
    for (let round = 0; round < 5; round += 1) {
      const key = aKey();
      const claims = await Promise.all(Array.from({ length: 20 }, () => store.claim(key, 'hash', LOCK_MS)));
      expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
      expect(claims.filter(({ kind }) => kind === 'in-flight')).toHaveLength(19);
    }
  });

  it('replay the first answer', async () => {
    const key = aKey();
    await store.claim(key, 'hash', LOCK_MS);
    await store.complete(key, ANSWER);
    await expect(store.claim(key, 'hash', LOCK_MS)).resolves.toEqual({ kind: 'replay', answer: ANSWER });
  });

  it('replay a long answer of any text, and store one that repeats itself in little space', async () => {
    const errors = Array.from({ length: 500 }, (_, index) => ({
      path: `records.${index}.näme`,
      message: 'Must be “✓”',
    }));
    const long = { ...ANSWER, body: JSON.stringify({ errors }) };
    const key = aKey();
    await store.claim(key, 'hash', LOCK_MS);
    await store.complete(key, long);
    await expect(store.claim(key, 'hash', LOCK_MS)).resolves.toEqual({ kind: 'replay', answer: long });
    const [row] = await database.admin<{ length: number }[]>`
      select length(answer) from idempotency_keys where key = ${digestOf(key)}`;
    expect(row?.length).toBeLessThan(long.body.length / 5);
  });

  it('reject another body while the first is in flight, after its answer, and after its lock has lapsed', async () => {
    const key = aKey();
    await store.claim(key, 'hash', LOCK_MS);
    await expect(store.claim(key, 'other', LOCK_MS)).resolves.toEqual({ kind: 'mismatch' });
    await store.complete(key, ANSWER);
    await expect(store.claim(key, 'other', LOCK_MS)).resolves.toEqual({ kind: 'mismatch' });

    const lapsed = aKey();
    await store.claim(lapsed, 'hash', 0);
    await expect(store.claim(lapsed, 'other', LOCK_MS)).resolves.toEqual({ kind: 'mismatch' });
  });

  it('of a dead process’s request are claimed again by exactly one caller once the lock has lapsed', async () => {
    const key = aKey();
    await store.claim(key, 'hash', 0);
    const claims = await Promise.all(Array.from({ length: 20 }, () => store.claim(key, 'hash', LOCK_MS)));
    expect(claims.filter(({ kind }) => kind === 'claimed')).toHaveLength(1);
  });

  it('keep the first of two answers when a slow duplicate returns after its lock has lapsed', async () => {
    const key = aKey();
    await store.claim(key, 'hash', 0);
    await store.claim(key, 'hash', LOCK_MS);
    await store.complete(key, ANSWER);
    await store.complete(key, { ...ANSWER, body: 'late' });
    await store.release(key);
    await expect(store.claim(key, 'hash', LOCK_MS)).resolves.toEqual({ kind: 'replay', answer: ANSWER });
  });

  it('are free after a release, even for another body', async () => {
    const key = aKey();
    await store.claim(key, 'hash', LOCK_MS);
    await store.release(key);
    await expect(store.claim(key, 'other', LOCK_MS)).resolves.toEqual({ kind: 'claimed' });
  });

  it('belong to one caller and one operation', async () => {
    const key = aKey();
    await store.claim(key, 'hash', LOCK_MS);
    await expect(store.claim({ ...key, caller: 'bob' }, 'other', LOCK_MS)).resolves.toEqual({ kind: 'claimed' });
    await expect(store.claim({ ...key, operation: 'POST /v1/venues/1/syncs' }, 'other', LOCK_MS)).resolves.toEqual({
      kind: 'claimed',
    });
  });

  it('are kept for 7 days and then deleted', async () => {
    const [kept, expired, reused] = [aKey(), aKey(), aKey()];
    for (const key of [kept, expired, reused]) {
      await store.claim(key, 'hash', LOCK_MS);
      await store.complete(key, ANSWER);
    }
    const [row] = await database.admin<
      { days: number }[]
    >`select extract(epoch from expires_at - created_at)::int / 86400 as days from idempotency_keys where key = ${digestOf(kept)}`;
    expect(row?.days).toBe(7);

    await database.admin`update idempotency_keys set expires_at = now() - interval '1 second' where key in ${database.admin([expired, reused].map(digestOf))}`;
    await expect(store.claim(reused, 'other', LOCK_MS)).resolves.toEqual({ kind: 'claimed' });
    const rule = { table: 'idempotency_keys', keptDays: null } as const;
    const retention = createRetentionStore(database.db);
    expect((await retention.removePage(rule, { after: null, limit: 100 })).removed).toBe(1);
    expect((await retention.removePage(rule, { after: null, limit: 100 })).removed).toBe(0);
    await expect(store.claim(kept, 'hash', LOCK_MS)).resolves.toMatchObject({ kind: 'replay' });
    await expect(store.claim(expired, 'other', LOCK_MS)).resolves.toEqual({ kind: 'claimed' });
  });
});
