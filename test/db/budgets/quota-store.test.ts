import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import type { BudgetStore } from '../../../db/budgets/budget-store.ts';
import type { Quota } from '../../../db/budgets/quota-store.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { MONTH_S } from '../../../contracts/providers.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const DAY_S = 86_400;

describe('long windows shared by two processes', () => {
  let database: TestDatabase;
  let secondPool: Database;
  let here: BudgetStore;
  let there: BudgetStore;
  let apps = 0;
  let app: string;
  let account: (id: string) => string;

  beforeAll(async () => {
    database = await createTestDatabase();
    secondPool = openDatabase({ url: database.url, maxConnections: 5, applicationName: 'interlock-test-2' });
    here = createBudgetStore(database.db);
    there = createBudgetStore(secondPool);
  });
  afterAll(async () => {
    await secondPool.$client.end({ timeout: 5 });
    await database.drop();
  });

  const anApp = () => {
    apps += 1;
    app = `app/p${apps}/sandbox`;
    account = (id) => `p${apps}/sandbox/${id}`;
  };
  const aDay = (id: string, limit: number): Quota => ({ key: account(id), windowS: DAY_S, limit });
  const sharedDay = (id: string, limit: number): Quota => ({
    key: app,
    windowS: DAY_S,
    limit,
    account: { key: `share/${account(id)}`, keyPrefix: `share/${account('')}` },
  });
  const admit = (
    store: BudgetStore,
    quotas: readonly Quota[],
    more: Partial<Parameters<BudgetStore['admit']>[0]> = {},
  ) => store.admit({ pace: null, quotas, maxWaitMs: 1_000, mustPass: false, ...more });
  const usedOf = async (key: string) =>
    (await database.admin<{ used: number }[]>`select used from provider_quotas where key = ${key}`)[0]?.used ?? 0;
  const age = (key: string, hours: number) =>
    database.admin`update provider_quotas set started_at = started_at - ${hours} * interval '1 hour' where key = ${key}`;

  it('admit exactly as many calls as they hold, however many are requested at once', async () => {
    anApp();
    const asked = await Promise.all(
      Array.from({ length: 60 }, (_, index) => admit(index % 2 ? here : there, [aDay('a', 25)])),
    );
    expect(asked.filter(({ granted }) => granted)).toHaveLength(25);
    expect(await usedOf(account('a'))).toBe(25);
  });

  it('report when they are used up until, and start over after that', async () => {
    anApp();
    await admit(here, [aDay('a', 1)]);
    await age(account('a'), 20);
    const refused = await admit(there, [aDay('a', 1)]);
    expect(refused).toMatchObject({ granted: false, reason: 'quota' });
    const hours = refused.granted ? 0 : refused.retryAfterMs / 3_600_000;
    expect(hours).toBeGreaterThan(3.9);
    expect(hours).toBeLessThanOrEqual(4);
    await age(account('a'), 4);
    expect(await admit(there, [aDay('a', 1)])).toMatchObject({ granted: true });
    expect(await admit(there, [aDay('a', 1)])).toMatchObject({ granted: false });
  });

  it('begin anew with the calendar month, however late their first call came', async () => {
    anApp();
    const month: Quota = { key: account('a'), windowS: MONTH_S, limit: 1 };
    await admit(here, [month]);
    const refused = await admit(there, [month]);
    const until = new Date(Date.now() + (refused.granted ? 0 : refused.retryAfterMs));
    expect([refused.granted, until.getUTCDate(), until.getUTCHours()]).toEqual([false, 1, 0]);
    // The last second of the month before.
    await database.admin`
      update provider_quotas set started_at = (date_trunc('month', now() at time zone 'UTC') at time zone 'UTC') - interval '1 second'
      where key = ${account('a')}`;
    expect(await admit(there, [month])).toMatchObject({ granted: true });
    expect(await usedOf(account('a'))).toBe(1);
    // The first second of this month.
    await database.admin`
      update provider_quotas set started_at = date_trunc('month', now() at time zone 'UTC') at time zone 'UTC' where key = ${account('a')}`;
    expect(await admit(there, [month])).toMatchObject({ granted: false });
  });

  it('count a call in all of them or in none', async () => {
    anApp();
    const hour: Quota = { key: account('a'), windowS: 3_600, limit: 2 };
    for (let call = 0; call < 2; call += 1) await admit(here, [aDay('a', 100), hour]);
    expect(await admit(here, [aDay('a', 100), hour])).toMatchObject({ granted: false, reason: 'quota' });
    const [day] =
      await database.admin`select used from provider_quotas where key = ${account('a')} and window_s = ${DAY_S}`;
    expect(day).toEqual({ used: 2 });
    const slow = { key: app, ratePerSecond: 0.1 };
    await admit(here, [aDay('b', 100)], { pace: slow });
    expect(await admit(here, [aDay('b', 100)], { pace: slow })).toMatchObject({ granted: false, reason: 'pace' });
    expect(await usedOf(account('b'))).toBe(1);
  });

  it('admit a call that must be made, and count it', async () => {
    anApp();
    await admit(here, [aDay('a', 1)]);
    expect(await admit(here, [aDay('a', 1)], { mustPass: true })).toMatchObject({ granted: true });
    expect(await usedOf(account('a'))).toBe(2);
  });

  it('accept the provider’s values for the remaining calls and the reset', async () => {
    anApp();
    await admit(here, [aDay('a', 10)]);
    await here.learn(aDay('a', 10), { remaining: 0, endsInMs: 7_200_000 });
    const refused = await admit(there, [aDay('a', 10)]);
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeGreaterThan(7_100_000);
    expect(refused.granted ? 0 : refused.retryAfterMs).toBeLessThanOrEqual(7_200_000);
    // The provider’s day started before ours.
    await here.learn(aDay('a', 10), { remaining: 10 });
    for (let call = 0; call < 10; call += 1)
      expect(await admit(there, [aDay('a', 10)])).toMatchObject({ granted: true });
    expect(await admit(there, [aDay('a', 10)])).toMatchObject({ granted: false });
  });

  it('reserve the last part of an app’s window for accounts that have used less than their equal share', async () => {
    anApp();
    await admit(here, [sharedDay('quiet', 100)]);
    let busy = 0;
    while ((await admit(here, [sharedDay('busy', 100)])).granted) busy += 1;
    expect(busy).toBeGreaterThanOrEqual(75);
    expect(busy).toBeLessThan(85);
    for (let call = 0; call < 15; call += 1)
      expect(await admit(there, [sharedDay('quiet', 100)]), `call ${call}`).toMatchObject({ granted: true });
    while ((await admit(here, [sharedDay('quiet', 100)])).granted);
    expect(await usedOf(app)).toBe(100);
  });

  it('divide a short pace equally among accounts, so that none waits behind a busier one', async () => {
    anApp();
    const shared = { ratePerSecond: 100, lane: 'bulk', maxWaitMs: 60_000 } as const;
    const reserve = (store: BudgetStore, id: string) =>
      store.reserve(account(id), { ...shared, app: { keyPrefix: account(''), ratePerSecond: 10 } });
    for (let call = 0; call < 100; call += 1) await reserve(here, 'busy');
    const startedAt = performance.now();
    const first = await reserve(there, 'quiet');
    expect(first).toEqual({ granted: true, waitMs: 0 });
    let waitMs = 0;
    for (let call = 0; call < 10; call += 1) {
      const slot = await reserve(there, 'quiet');
      waitMs = slot.granted ? slot.waitMs : Infinity;
    }
    // Ten more slots at half the app's pace.
    expect(performance.now() - startedAt + waitMs).toBeGreaterThan(1_500);
    expect(waitMs).toBeLessThan(2_500);
  });
});
