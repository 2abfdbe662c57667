import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import type { BudgetStore } from '../../db/budgets/budget-store.ts';
import { openDatabase } from '../../db/core/venue-scope.ts';
import type { Database } from '../../db/core/venue-scope.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';
import { startStopwatch } from '../support/stopwatch.ts';

const BULK = { lane: 'bulk', maxWaitMs: 10_000 } as const;
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const waitOf = (reservation: Awaited<ReturnType<BudgetStore['reserve']>>) =>
  reservation.granted ? reservation.waitMs : Number.NaN;

describe('a budget shared by two processes', () => {
  let database: TestDatabase;
  let secondPool: Database;
  let here: BudgetStore;
  let there: BudgetStore;
  let keys = 0;
  const aKey = () => `stripe/sandbox/acct_${(keys += 1)}`;

  beforeAll(async () => {
    database = await createTestDatabase();
    secondPool = openDatabase({ url: database.url, maxConnections: 5, applicationName: 'interlock-test-2' });
    await database.admin.unsafe(`
      create table slots (number bigint generated always as identity, key text, ends_at timestamptz);
      grant insert on slots to public;
      create function note_slot() returns trigger language plpgsql as
        $$ begin insert into slots (key, ends_at) values (new.key, new.next_free_at); return null; end $$;
      create trigger note_slot after insert or update of next_free_at on provider_budgets
        for each row execute function note_slot()`);
    here = createBudgetStore(database.db);
    there = createBudgetStore(secondPool);
  });
  afterAll(async () => {
    await secondPool.$client.end({ timeout: 5 });
    await database.drop();
  });

  /**
   * When each reserved slot ends, by the database's clock: on a busy machine, callers wake up late and all at once. A
   * throttle counts as a slot.
   */
  const slotsOf = async (key: string) =>
    (
      await database.admin<{ ends_ms: number }[]>`
        select extract(epoch from ends_at)::float8 * 1000 as ends_ms from slots where key = ${key} order by number`
    ).map(({ ends_ms }) => ends_ms);

  /** Callers that take a slot and wait for it, until the time is up. Returns how long that took, and the slots. */
  async function run(key: string, options: { ratePerSecond: number; forMs: number; callers: number }) {
    const { ratePerSecond, forMs, callers } = options;
    const earlier = (await slotsOf(key)).length;
    const elapsedMs = startStopwatch();
    const endsAt = Date.now() + forMs;
    const caller = async (budget: BudgetStore) => {
      while (Date.now() < endsAt) await sleep(waitOf(await budget.reserve(key, { ...BULK, ratePerSecond })));
    };
    await Promise.all(Array.from({ length: callers }, (_, index) => caller(index % 2 === 0 ? here : there)));
    return { seconds: elapsedMs() / 1_000, slots: (await slotsOf(key)).slice(earlier) };
  }

  it('lets the first calls of an account catch up as those of an idle one do', async () => {
    const key = aKey();
    const take = async (count: number) => {
      const waits = await Promise.all(
        Array.from({ length: count }, () => here.reserve(key, { ...BULK, ratePerSecond: 10 })),
      );
      return waits.filter((one) => waitOf(one) === 0).length;
    };
    // Two slots of 100 ms are in the past, and the present one is free.
    expect(await take(5)).toBeGreaterThanOrEqual(3);
    await sleep(1_000);
    expect(await take(5)).toBeGreaterThanOrEqual(3);
  });

  it('is used fully and never exceeded, whatever the number of callers', async () => {
    const { seconds, slots } = await run(aKey(), { ratePerSecond: 40, forMs: 4_000, callers: 16 });
    expect(slots.length).toBeGreaterThanOrEqual(40 * seconds * 0.8);
    const inAny = (ms: number) =>
      Math.max(...slots.map((from) => slots.filter((at) => at >= from && at < from + ms).length));
    // Any second may exceed the rate only by a late caller's 200 ms of catching up.
    expect(inAny(1_000)).toBeLessThanOrEqual(40 * 1.2 + 5);
    expect(inAny(4_000)).toBeLessThanOrEqual(40 * 4 + 12);
  });

  it('reserves without waiting for the disk, and counts long windows durably', async () => {
    await database.admin.unsafe(`
      create table commits (key text, synchronous_commit text);
      grant insert on commits to public;
      create function note_commit() returns trigger language plpgsql as
        $$ begin insert into commits values (new.key, current_setting('synchronous_commit')); return null; end $$;
      create constraint trigger note_commit after insert or update on provider_budgets deferrable initially deferred
        for each row execute function note_commit();
      alter database ${new URL(database.url).pathname.slice(1)} set synchronous_commit = on`);
    const pool = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'interlock-test-3' });
    try {
      const budget = createBudgetStore(pool);
      const [account, app] = [aKey(), aKey()];
      await budget.reserve(account, { ...BULK, ratePerSecond: 10 });
      await budget.admit({ pace: { key: app, ratePerSecond: 10 }, quotas: [], maxWaitMs: 1_000, mustPass: false });
      expect([...(await database.admin`select * from commits order by synchronous_commit`)]).toEqual([
        { key: account, synchronous_commit: 'off' },
        { key: app, synchronous_commit: 'on' },
      ]);
    } finally {
      await pool.$client.end();
      await database.admin`drop trigger note_commit on provider_budgets`;
    }
  });

  it('sends an interactive call ahead of a backlog of bulk calls, which then wait one slot longer', async () => {
    const key = aKey();
    const startedAt = performance.now();
    for (let index = 0; index < 15; index += 1) await here.reserve(key, { ...BULK, ratePerSecond: 10 });
    const waitMs = waitOf(await here.reserve(key, { ...BULK, ratePerSecond: 10 }));
    expect(performance.now() - startedAt + waitMs).toBeGreaterThan(1_000);
    expect(await there.reserve(key, { lane: 'interactive', maxWaitMs: 0, ratePerSecond: 10 })).toEqual({
      granted: true,
      waitMs: 0,
    });
    await here.reserve(key, { ...BULK, ratePerSecond: 10 });
    const [before = 0, , after = 0] = (await slotsOf(key)).slice(-3);
    expect(after - before).toBeGreaterThan(199);
  });

  it('refuses a call that would wait too long, reserves no slot for it, and says when to retry', async () => {
    const key = aKey();
    const startedAt = performance.now();
    for (let index = 0; index < 30; index += 1)
      await here.reserve(key, { lane: 'bulk', maxWaitMs: 60_000, ratePerSecond: 10 });
    const refused = await there.reserve(key, { lane: 'bulk', maxWaitMs: 500, ratePerSecond: 10 });
    const retryAfterMs = refused.granted ? Number.NaN : refused.retryAfterMs;
    expect(retryAfterMs).toBeLessThan(3_500);
    expect(retryAfterMs + performance.now() - startedAt).toBeGreaterThan(2_500);
    const untouched = waitOf(await here.reserve(key, { lane: 'bulk', maxWaitMs: 60_000, ratePerSecond: 10 }));
    expect(untouched).toBeLessThan(3_100);
  });

  it('after a 429 holds bulk calls for the pause, lowers the rate for all, and recovers', async () => {
    const key = aKey();
    await here.reserve(key, { ...BULK, ratePerSecond: 20 });
    const throttledAt = performance.now();
    await here.throttle(key, { ratePerSecond: 20, pauseMs: 1_000 });
    const paused = waitOf(await there.reserve(key, { ...BULK, ratePerSecond: 20 }));
    expect(performance.now() - throttledAt + paused).toBeGreaterThan(850);
    expect(paused).toBeLessThanOrEqual(1_000);

    const throttled = await effectiveRate(key);
    expect(throttled).toBeCloseTo(20 * 0.7, 0);
    // Moves the refusal ten seconds back: a twentieth of the full rate has returned each second.
    await database.admin`update provider_budgets set throttled_at = throttled_at - interval '10 seconds', next_free_at = clock_timestamp() where key = ${key}`;
    const { seconds, slots } = await run(key, { ratePerSecond: 20, forMs: 2_000, callers: 6 });
    expect(slots.length).toBeGreaterThanOrEqual(15 * seconds);
  });

  it('counts refusals of concurrent calls as one', async () => {
    const key = aKey();
    await here.reserve(key, { ...BULK, ratePerSecond: 100 });
    await Promise.all(
      [here, there, here, there].map((budget) => budget.throttle(key, { ratePerSecond: 100, pauseMs: 10 })),
    );
    expect(await effectiveRate(key)).toBeCloseTo(70, 0);
  });

  it('never lowers the rate below one per second, after any number of refusals', async () => {
    const key = aKey();
    await here.reserve(key, { ...BULK, ratePerSecond: 2 });
    for (let index = 0; index < 5; index += 1) {
      await here.throttle(key, { ratePerSecond: 2, pauseMs: 1 });
      await database.admin`update provider_budgets set throttled_at = throttled_at - interval '1100 milliseconds' where key = ${key}`;
    }
    expect(await effectiveRate(key)).toBeGreaterThanOrEqual(1);
  });

  it('limits each account independently', async () => {
    const [busy, idle] = [aKey(), aKey()];
    for (let index = 0; index < 20; index += 1) await here.reserve(busy, { ...BULK, ratePerSecond: 10 });
    expect(await here.reserve(idle, { ...BULK, ratePerSecond: 10 })).toEqual({ granted: true, waitMs: 0 });
  });

  const effectiveRate = async (key: string) =>
    Number(
      (await database.admin`select throttled_rate_per_second as rate from provider_budgets where key = ${key}`)[0]?.[
        'rate'
      ],
    );

  describe('with leases of concurrent requests', () => {
    const lease = (
      key: string,
      holder: string,
      { slots = 4, ttlMs = 60_000, budget = here }: { slots?: number; ttlMs?: number; budget?: BudgetStore } = {},
    ) => budget.acquireLease(key, { holder, slots, maxSlots: 10, ttlMs });
    const leased = async (key: string) =>
      Number(
        (await database.admin`select coalesce(sum(slots), 0) as slots from provider_leases where key = ${key}`)[0]?.[
          'slots'
        ],
      );

    /** Brings the ends of leases nearer. */
    const letPass = (key: string, seconds: number) =>
      database.admin`update provider_leases set expires_at = expires_at - ${seconds} * interval '1 second' where key = ${key}`;

    it('never leases more than the maximum in total to concurrent holders', async () => {
      const key = aKey();
      const given = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          lease(key, `run-${index}`, { budget: index % 2 === 0 ? here : there }),
        ),
      );
      expect(given.reduce((sum, one) => sum + (one?.slots ?? 0), 0)).toBe(10);
      expect(given.filter((one) => one === null)).toHaveLength(9);
      expect(await leased(key)).toBe(10);
    });

    it('frees the slots of a released or expired lease', async () => {
      const key = aKey();
      const first = await lease(key, 'one', { slots: 10 });
      expect(await lease(key, 'two')).toBeNull();
      await letPass(key, 61);
      const second = await lease(key, 'two', { slots: 10 });
      expect(second).toMatchObject({ slots: 10 });
      await here.releaseLease(second?.id ?? '');
      expect(await lease(key, 'three', { slots: 10 })).toMatchObject({ slots: 10 });
      // The expired holder's later calls affect nobody else.
      expect(await here.renewLease(first?.id ?? '', { slots: 10, maxSlots: 10, ttlMs: 60_000 })).toBeNull();
      await here.releaseLease(first?.id ?? '');
      expect(await leased(key)).toBe(10);
    });

    it('keeps a renewed lease', async () => {
      const key = aKey();
      const first = await lease(key, 'one', { slots: 10 });
      await letPass(key, 40);
      expect(await there.renewLease(first?.id ?? '', { slots: 10, maxSlots: 10, ttlMs: 60_000 })).toBe(10);
      await letPass(key, 40);
      expect(await lease(key, 'two')).toBeNull();
    });

    it('evens out the leases of one account and leaves a slot for a newcomer', async () => {
      const key = aKey();
      const ids = new Map<string, string>();
      const take = async (holder: string) => {
        const given = await lease(key, holder, { slots: 9 });
        ids.set(holder, given?.id ?? '');
        return given?.slots;
      };
      const renew = (holder: string) =>
        here.renewLease(ids.get(holder) ?? '', { slots: 9, maxSlots: 10, ttlMs: 60_000 });
      expect([await take('one'), await take('two')]).toEqual([9, 1]);
      expect([await renew('one'), await renew('two')]).toEqual([5, 4]);
      expect(await take('three')).toBe(1);
      for (let round = 0; round < 3; round += 1) {
        for (const holder of ['one', 'two', 'three']) {
          await renew(holder);
          expect(await leased(key)).toBeLessThanOrEqual(10);
        }
      }
      expect([await renew('one'), await renew('two'), await renew('three')]).toEqual([3, 3, 3]);
      await here.releaseLease(ids.get('one') ?? '');
      await here.releaseLease(ids.get('two') ?? '');
      expect(await renew('three')).toBe(9);
    });

    it('replaces a holder’s older lease by its newer one', async () => {
      const key = aKey();
      await lease(key, 'one', { slots: 10 });
      expect(await lease(key, 'one', { slots: 3, budget: there })).toMatchObject({ slots: 3 });
      expect(await leased(key)).toBe(3);
    });
  });
});
