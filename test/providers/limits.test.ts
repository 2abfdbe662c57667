import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import {
  accountPaceOf,
  appPaceOf,
  concurrencyOf,
  concurrent,
  countedWindowsOf,
  perDay,
  perHour,
  perMinute,
  perMonth,
  perSecond,
} from '../../providers/limits/limits.ts';
import type { LimitReading } from '../../providers/limits/limits.ts';
import { createPipeline } from '../../providers/http/pipeline.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { Limit } from '../../contracts/providers.ts';
import type { Call } from '../../providers/provider.ts';
import { Secret } from '../../vault/secret.ts';
import { MadeUpLists, adapterOf, setUpOf } from '../support/made-up/made-up-lists.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';

describe('declared windows', () => {
  it.each([
    ['Xero', [perMinute(60), perDay(5_000), concurrent(5), perMinute(10_000, 'app')], 1, 10_000 / 60, 5],
    ['QuickBooks', [perMinute(450), perSecond(9), concurrent(9)], 7.5, null, 9],
    ['MYOB', [perSecond(7, 'app'), perDay(900_000, 'app'), concurrent(4)], 5, 7, 4],
    ['a server of somebody’s own', [], 5, null, 4],
  ] as const)('of %s make a pace, an app’s pace and a number at once', (_name, limits, account, app, atOnce) => {
    expect([accountPaceOf(limits), appPaceOf(limits), concurrencyOf(limits)]).toEqual([account, app, atOnce]);
  });

  it('are counted when they are longer than a call may wait', () => {
    expect(countedWindowsOf([perMinute(60), perDay(5_000), perHour(9, 'app')])).toEqual([
      perDay(5_000),
      perHour(9, 'app'),
    ]);
  });
});

describe('the pipeline of a provider with a long window', () => {
  let database: TestDatabase;
  let accounts = 0;
  let account: { environment: 'sandbox'; externalAccountId: string };
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());
  beforeEach(() => {
    account = { environment: 'sandbox', externalAccountId: `acct_${(accounts += 1)}` };
  });

  const HEADERS: Readonly<Record<string, number>> = { 'x-daylimit-remaining': 86_400 };
  const limitsIn = (headers: Headers): readonly LimitReading[] =>
    Object.entries(HEADERS).flatMap(([name, perSeconds]) => {
      const remaining = headers.get(name);
      return remaining === null ? [] : [{ perSeconds, scope: 'account' as const, remaining: Number(remaining) }];
    });

  /** How a session of this provider makes its calls. */
  function callWith(limits: readonly Limit[]) {
    const lists = new MadeUpLists();
    lists.limits = [perSecond(10_000), ...limits];
    let call: Call | null = null;
    const adapter = adapterOf(lists);
    const providers = createPipeline({
      providers: [setUpOf({ ...adapter, limitsIn, open: (options) => ((call = options.call), adapter.open(options)) })],
      budget: createBudgetStore(database.db),
    });
    providers.open('stripe', { secretKey: new Secret('x'), account, lane: 'bulk' });
    const signal = new AbortController().signal;
    return { call: call!, oauth: providers.calls('stripe', { account, lane: 'interactive', signal }).call };
  }
  const refusalOf = (call: Promise<unknown>) =>
    call.then(
      () => null,
      (error: unknown) => (error instanceof ProviderError ? error.details : error),
    );
  const ok = () => Promise.resolve('ok');

  it('makes no call beyond the window, and says when it ends', async () => {
    const { call } = callWith([perDay(3)]);
    let made = 0;
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, () => refusalOf(call(() => Promise.resolve((made += 1))))),
    );
    expect(made).toBe(3);
    for (const details of outcomes.filter((one) => one !== null))
      expect(details).toMatchObject({ kind: 'quota-exhausted', code: 'window-used-up' });
    const last = (await refusalOf(call(ok))) as { retryAfterMs: number };
    expect(last.retryAfterMs).toBeGreaterThan(23 * 3_600_000);
    expect(last.retryAfterMs).toBeLessThanOrEqual(24 * 3_600_000);
  });

  it('admits and counts OAuth calls, because a refused refresh would cost the grant', async () => {
    const { call, oauth } = callWith([perDay(1)]);
    await call(ok);
    expect(await oauth(ok)).toBe('ok');
    expect(await refusalOf(call(ok))).toMatchObject({ kind: 'quota-exhausted' });
  });

  it('follows the headers of an answer, including a refusal’s', async () => {
    const { call } = callWith([perDay(100)]);
    await call((heard) => {
      heard?.(new Headers({ 'x-daylimit-remaining': '1' }));
      return ok();
    });
    await refusalOf(
      call((heard) => {
        heard?.(new Headers({ 'x-daylimit-remaining': '0' }));
        return Promise.reject(new ProviderError({ provider: 'stripe', kind: 'unavailable', httpStatus: 503 }));
      }),
    );
    await expect.poll(() => refusalOf(call(ok))).toMatchObject({ kind: 'quota-exhausted' });
  });

  it('makes no call before the date that the provider has named', async () => {
    const { call } = callWith([perDay(100)]);
    const refused = new ProviderError({ provider: 'stripe', kind: 'quota-exhausted', retryAfterMs: 3_600_000 });
    await refusalOf(call(() => Promise.reject(refused)));
    let made = 0;
    const details = await refusalOf(callWith([perDay(100)]).call(() => Promise.resolve((made += 1))));
    expect(details).toMatchObject({ kind: 'quota-exhausted' });
    expect((details as { retryAfterMs: number }).retryAfterMs).toBeLessThanOrEqual(3_600_000);
    expect(made).toBe(0);
  });

  it('paces a class of calls apart, and holds up no other call by it', async () => {
    // A second batch would wait for half a minute, and is refused at once.
    const { call } = callWith([perMinute(2, 'account', 'batch')]);
    const batch = { callClasses: ['batch'] };
    expect(await call(ok, batch)).toBe('ok');
    expect(await refusalOf(call(ok, batch))).toMatchObject({ kind: 'rate-limited' });
    for (let made = 0; made < 5; made += 1) expect(await call(ok)).toBe('ok');
    expect(await call(ok, { callClasses: ['read'] })).toBe('ok');
    // Another account of the same app has a pace of its own.
    account = { environment: 'sandbox', externalAccountId: `acct_${(accounts += 1)}` };
    expect(await callWith([perMinute(2, 'account', 'batch')]).call(ok, batch)).toBe('ok');
  });

  it('pauses the class of a refused call with its account, and no other calls for longer than the account', async () => {
    const { call } = callWith([perMinute(600, 'account', 'batch')]);
    const batch = { callClasses: ['batch'] };
    const refused = new ProviderError({ provider: 'stripe', kind: 'rate-limited', retryAfterMs: 60_000 });
    await refusalOf(call(() => Promise.reject(refused), batch));
    const waitsLong = { kind: 'rate-limited', retryAfterMs: expect.toSatisfy((ms: number) => ms > 50_000) as number };
    for (const about of [batch, undefined]) expect(await refusalOf(call(ok, about))).toMatchObject(waitsLong);
    // The account's pause has ended, and that of the class has not.
    await database.admin`
      update provider_budgets set next_free_at = now() where key = ${`stripe/sandbox/${account.externalAccountId}`}`;
    expect(await call(ok)).toBe('ok');
    expect(await refusalOf(call(ok, batch))).toMatchObject(waitsLong);
  });

  it('counts a class of calls in a window of its own, which all accounts share, until the calendar month ends', async () => {
    await database.admin`delete from provider_quotas`;
    const read = { callClasses: ['read'] };
    const limits = [perMonth(2, 'app', 'read')];
    await callWith(limits).call(ok, read);
    account = { environment: 'sandbox', externalAccountId: `acct_${(accounts += 1)}` };
    const { call } = callWith(limits);
    await call(ok, read);
    const details = (await refusalOf(call(ok, read))) as { kind: string; retryAfterMs: number };
    expect(details).toMatchObject({ kind: 'quota-exhausted', code: 'window-used-up' });
    const until = new Date(Date.now() + details.retryAfterMs);
    expect([until.getUTCDate(), until.getUTCHours()]).toEqual([1, 0]);
    // Writes go on.
    for (let made = 0; made < 5; made += 1) expect(await call(ok)).toBe('ok');
  });
});
