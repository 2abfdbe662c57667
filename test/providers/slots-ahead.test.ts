import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import type { ReserveRequest } from '../../providers/limits/budget.ts';
import { createSlotsAhead } from '../../providers/limits/slots-ahead.ts';
import type { SlotsAhead } from '../../providers/limits/slots-ahead.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';

const BULK = { lane: 'bulk', maxWaitMs: 10_000 } as const;

describe('slots that a session reserves ahead', () => {
  let database: TestDatabase;
  let keys = 0;

  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  const aKey = () => `stripe/sandbox/acct_${(keys += 1)}`;

  /** A session of its own on the account of `key`, and the slots of each of its reservations. */
  function aSession(
    key: string,
    ratePerSecond: number,
    maxWaitMs: number = BULK.maxWaitMs,
    app?: ReserveRequest['app'],
  ) {
    const budget = createBudgetStore(database.db);
    const reserved: number[] = [];
    const ahead = createSlotsAhead(
      {
        reserveMany: (name, request) => {
          reserved.push(request.slots);
          return budget.reserveMany(name, request);
        },
      },
      key,
      { ...BULK, ratePerSecond, maxWaitMs, app },
    );
    return { ahead, reserved, budget };
  }

  async function waitForTurn(ahead: SlotsAhead): Promise<number> {
    const slot = await ahead.take();
    if (!slot.granted) throw new Error(`refused for ${slot.retryAfterMs} ms`);
    await sleep(slot.waitMs);
    return slot.waitMs;
  }

  it('are a tenth of a second’s while calls wait for their turn, and two sessions together keep the pace', async () => {
    const key = aKey();
    const sessions = [aSession(key, 100), aSession(key, 100)];
    const startedAt = performance.now();
    const elapsedMs = () => performance.now() - startedAt;
    let calls = 0;
    const caller = async ({ ahead }: (typeof sessions)[number]) => {
      while (elapsedMs() < 2_000) {
        await waitForTurn(ahead);
        calls += 1;
      }
    };
    await Promise.all(sessions.flatMap((session) => [caller(session), caller(session), caller(session)]));
    const seconds = elapsedMs() / 1_000;
    // The first calls catch up by 200 ms, and a call may use a slot of 200 ms ago.
    expect(calls).toBeLessThanOrEqual(100 * (seconds + 0.4) + 1);
    const reservations = sessions.flatMap(({ reserved }) => reserved);
    expect(Math.max(...reservations)).toBe(10);
    expect(reservations.length).toBeLessThan(calls / 4);
  });

  it('follow the share of the account, where the accounts of an app share its pace', async () => {
    const prefix = `xero/sandbox/shared_${(keys += 1)}_`;
    const { budget } = aSession('unused', 1);
    for (let other = 0; other < 49; other += 1)
      await budget.reserve(`${prefix}${other}`, { ...BULK, ratePerSecond: 100 });
    const { ahead, reserved } = aSession(`${prefix}own`, 1_000, BULK.maxWaitMs, {
      keyPrefix: prefix,
      ratePerSecond: 150,
    });
    // Three slots a second.
    const taken = await Promise.all(Array.from({ length: 6 }, () => ahead.take()));
    expect(reserved).toEqual([1, 1, 1, 1, 1, 1]);
    expect(taken.every(({ granted }) => granted)).toBe(true);
  });

  it('are none while no call has to wait', async () => {
    const { ahead, reserved } = aSession(aKey(), 1_000);
    for (let call = 0; call < 5; call += 1) {
      expect(await waitForTurn(ahead)).toBe(0);
      await sleep(20);
    }
    expect(reserved).toEqual([1, 1, 1, 1, 1]);
  });

  it('are none where many share the account, so that each waits for one slot of every other', async () => {
    const key = aKey();
    const { ahead, reserved, budget } = aSession(key, 100);
    for (let other = 0; other < 2; other += 1)
      await budget.reserveMany(key, { ...BULK, ratePerSecond: 100, slots: 150 });
    await ahead.take();
    await ahead.take();
    expect(reserved).toEqual([1, 1]);
  });

  it('are used however long the answer of the database took', async () => {
    const budget = createBudgetStore(database.db);
    let reservations = 0;
    const ahead = createSlotsAhead(
      {
        reserveMany: async (key, request) => {
          reservations += 1;
          const reserved = await budget.reserveMany(key, request);
          await sleep(300);
          return reserved;
        },
      },
      aKey(),
      { ...BULK, ratePerSecond: 1_000 },
    );
    expect(await ahead.take()).toEqual({ granted: true, waitMs: 0 });
    expect(reservations).toBe(1);
  });

  it('are lost when their time has passed by more than a late call may use', async () => {
    const { ahead, reserved } = aSession(aKey(), 100);
    while (reserved.at(-1) !== 10) await waitForTurn(ahead);
    const before = reserved.length;
    await sleep(500);
    await ahead.take();
    expect(reserved).toHaveLength(before + 1);
  });

  it('are shared by calls that ask at the same time, a tenth of a second’s at once', async () => {
    const { ahead, reserved } = aSession(aKey(), 50);
    const taken = await Promise.all(Array.from({ length: 16 }, () => ahead.take()));
    expect(reserved).toEqual([1, 5, 5, 5]);
    const waits = taken.map((slot) => (slot.granted ? slot.waitMs : Number.NaN));
    expect(waits).toEqual(waits.toSorted((a, b) => a - b));
    // Ten slots of 20 ms are in the past, and the present one is free.
    expect(waits.slice(0, 11)).toEqual(Array(11).fill(0));
  });

  it('are refused to each call that asked when the wait is too long', async () => {
    const key = aKey();
    const { ahead, budget } = aSession(key, 10, 500);
    await budget.reserveMany(key, { ...BULK, ratePerSecond: 10, slots: 20 });
    const refused = await Promise.all([ahead.take(), ahead.take(), ahead.take()]);
    expect(refused).toEqual(refused.map(() => ({ granted: false, retryAfterMs: expect.any(Number) as number })));
  });

  it('are given up after a refusal, and the next are due when its pause is over', async () => {
    const key = aKey();
    const { ahead, reserved, budget } = aSession(key, 100);
    while (reserved.at(-1) !== 10) await waitForTurn(ahead);
    ahead.giveUp();
    await budget.throttle(key, { ratePerSecond: 100, pauseMs: 5_000 });
    const next = await ahead.take();
    expect(next.granted && next.waitMs).toBeGreaterThan(4_000);
  });
});
