import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { MONTH_S } from '../../contracts/providers.ts';
import { createBudgetStatusStore } from '../../db/budgets/budget-status-store.ts';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import { createCircuitStore } from '../../db/budgets/circuit-store.ts';
import { ProviderShares, laneFor } from '../../domain/lanes/provider-shares.ts';
import { registry } from '../../telemetry/metrics.ts';
import { watchAppWindows, watchCircuits, watchLane } from '../../telemetry/provider-metrics.ts';
import { later } from '../support/later.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';
import { createTestProviders } from '../support/test-providers.ts';
import { appWindowSource } from '../../worker/app-windows.ts';

const PROVIDERS = ['stripe', 'square'];

/** The series of a metric as a scrape shows it, without those that are 0. */
async function seriesOf(metric: string): Promise<Readonly<Record<string, number>>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith(`${metric}{`));
  return Object.fromEntries(
    lines.flatMap((line) => {
      const [, labels = '', value] = /\{(.*)\} (\d+)$/.exec(line) ?? [];
      return value === '0' ? [] : [[labels.replaceAll(/\w+="([^"]+)"/g, '$1'), Number(value)]];
    }),
  );
}

describe('metrics of a lane', () => {
  const venueId = 'a venue' as VenueId;

  /** Workers of other tests in this process have lanes of their own. */
  const bulk = async (metric: string) =>
    Object.fromEntries(Object.entries(await seriesOf(metric)).filter(([labels]) => labels.startsWith('bulk')));

  it('show the slots that each provider holds, those that are free, and how often one was put off', async () => {
    const shares = new ProviderShares(laneFor(2, PROVIDERS.length));
    watchLane('bulk', PROVIDERS, shares);
    expect(await bulk('interlock_lane_slots_free')).toEqual({ bulk: 5 });
    expect(await bulk('interlock_lane_slots_in_use')).toEqual({});
    const answers = Array.from({ length: 4 }, () => shares.ask({ provider: 'stripe', venueId }, 0));
    const admitted = answers.filter((answer) => answer.admitted);
    expect(await bulk('interlock_lane_slots_in_use')).toEqual({ 'bulk,stripe': admitted.length });
    expect(await bulk('interlock_lane_slots_free')).toEqual({ bulk: 5 - admitted.length });
    expect(await bulk('interlock_lane_refused_total')).toEqual({ 'bulk,stripe': answers.length - admitted.length });
    for (const answer of admitted) answer.leave(1);
    expect(await bulk('interlock_lane_slots_in_use')).toEqual({});
    expect(await bulk('interlock_lane_slots_free')).toEqual({ bulk: 5 });
    expect(await bulk('interlock_lane_refused_total')).toEqual({ 'bulk,stripe': answers.length - admitted.length });
  });
});

describe('metrics of an app’s windows', () => {
  it('show what is left of QuickBooks’ metered reads: all while none was made, and none when they are used up', async () => {
    const database = await createTestDatabase();
    later(() => database.drop());
    const budgets = createBudgetStore(database.db);
    const providers = createTestProviders({ quickbooks: { readsPerMonth: 900 } }, budgets);
    watchAppWindows(appWindowSource(providers, createBudgetStatusStore(database.db)));
    const reads = async () =>
      (await seriesOf('interlock_app_window_calls_left'))['quickbooks,production,read,month'] ?? 0;
    expect(await reads()).toBe(900);
    const quota = { key: 'app/quickbooks/production#read', windowS: MONTH_S, limit: 900 };
    await budgets.learn(quota, { remaining: 250 });
    expect(await reads()).toBe(250);
    await budgets.learn(quota, { remaining: 0 });
    expect(await reads()).toBe(0);
    // Those of a month that has ended are no longer counted.
    await database.admin`update provider_quotas set started_at = started_at - interval '32 days'`;
    expect(await reads()).toBe(900);
  });
});

describe('metrics of circuits', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() => {
    watchCircuits(PROVIDERS, createCircuitStore(database.db));
  });

  it('have a series at 0 for every provider while all circuits are closed', async () => {
    expect(await seriesOf('interlock_circuits')).toEqual({});
    expect(await registry.metrics()).toContain(
      'interlock_circuits{provider="square",environment="production",scope="provider",state="open"} 0',
    );
  });

  it('count open and half-open ones, of accounts and of providers apart, and name no account', async () => {
    await database.admin`
      insert into provider_circuits (key, failures, opened_at, retry_at) values
        ('stripe/production/acct_secret1', 5, now(), now() + interval '1 minute'),
        ('stripe/production/acct_secret2', 5, now(), now() + interval '1 minute'),
        ('stripe/production/acct_secret3', 5, now(), now() - interval '1 second'),
        ('stripe/production/*', 5, now(), now() + interval '1 minute'),
        ('stripe/sandbox/acct_failing', 3, null, null),
        ('stripe/testing/some-key', 5, now(), now() + interval '1 minute')`;
    expect(await seriesOf('interlock_circuits')).toEqual({
      'stripe,production,account,open': 2,
      'stripe,production,account,half-open': 1,
      'stripe,production,provider,open': 1,
    });
    expect(await registry.metrics()).not.toMatch(/acct_|some-key/);
    await database.admin`delete from provider_circuits`;
    expect(await seriesOf('interlock_circuits')).toEqual({});
  });

  it.each([
    ['fails', () => Promise.reject(new Error('away'))],
    ['never answers', () => new Promise<never>(() => undefined)],
  ])('are left out, and the others are served, while the database %s', async (_case, count) => {
    watchCircuits(PROVIDERS, { count });
    const text = await registry.metrics();
    expect(text).not.toContain('interlock_circuits{');
    expect(text).toContain('interlock_limits_total{');
  });
});
