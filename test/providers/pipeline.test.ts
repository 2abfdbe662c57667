import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBudgetStore } from '../../db/budgets/budget-store.ts';
import { accountPaceOf, concurrencyOf } from '../../providers/limits/limits.ts';
import type { Providers } from '../../providers/providers.ts';
import { createTestProviders } from '../support/test-providers.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import { Secret } from '../../vault/secret.ts';
import { createTestDatabase } from '../support/services/database.ts';
import type { TestDatabase } from '../support/services/database.ts';
import { LISTING, allOf, createStripeWorld, refusalOf, writerOf } from './stripe/stripe-world.ts';
import type { StripeWorld } from './stripe/stripe-world.ts';

describe('the pipeline around every provider call', () => {
  let world: StripeWorld;
  let database: TestDatabase;
  let accounts = 0;
  let account: { environment: 'sandbox'; externalAccountId: string };

  beforeAll(async () => {
    [world, database] = await Promise.all([createStripeWorld(), createTestDatabase()]);
  });
  afterAll(() => Promise.all([world.close(), database.drop()]));
  beforeEach(async () => {
    await world.reset();
    account = { environment: 'sandbox', externalAccountId: `acct_${(accounts += 1)}` };
  });

  const providersAt = (requestsPerSecond: number | null): Providers =>
    createTestProviders(
      { stripe: { apiUrl: world.sandbox.apiUrl, requestsPerSecond } },
      createBudgetStore(database.db),
    );
  const open = (
    providers: Providers,
    options: { lane?: 'interactive' | 'bulk'; signal?: AbortSignal; onCall?: (durationMs: number) => void } = {},
  ) =>
    providers
      .open('stripe', { secretKey: new Secret(world.sandbox.secretKey), account, lane: 'bulk', ...options })
      .resource('customers');
  const requests = async () => (await world.stripe.calls()).length;

  it('paces calls to the budget’s rate', async () => {
    const session = open(providersAt(20));
    const startedAt = performance.now();
    await Promise.all(Array.from({ length: 41 }, () => session.listPage(LISTING)));
    expect(performance.now() - startedAt).toBeGreaterThan(1_700);
    expect(await requests()).toBe(41);
  });

  it('refuses at once a call that would wait too long', async () => {
    const session = open(providersAt(1));
    const calls = Array.from({ length: 14 }, () => session.listPage(LISTING).catch((error: unknown) => error));
    // Any of them, because callers reach the database in no fixed order.
    const refusals = calls.map(async (call) => {
      const outcome = await call;
      return outcome instanceof ProviderError ? Promise.reject(outcome) : new Promise(() => undefined);
    });
    const refused = await refusalOf(
      Promise.race([
        ...refusals,
        new Promise((resolve) => {
          setTimeout(resolve, 3_000);
        }),
      ]),
    );
    expect(refused.details).toMatchObject({ kind: 'rate-limited', retryAfterMs: expect.any(Number) as number });
    expect(await requests()).toBeLessThan(6);
    await Promise.all(calls);
    expect(await requests()).toBeLessThan(14);
  }, 30_000);

  it('lets an interactive call overtake a bulk backlog', async () => {
    // As slow as may be, so that half of the bulk calls still wait when a busy machine gets to the interactive one: that
    // overtakes up to two seconds of them.
    const providers = providersAt(7);
    const order: string[] = [];
    const bulk = Array.from({ length: 12 }, () =>
      open(providers)
        .listPage(LISTING)
        .then(() => order.push('bulk')),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    await open(providers, { lane: 'interactive' })
      .listPage(LISTING)
      .then(() => order.push('interactive'));
    await Promise.all(bulk);
    expect(order.indexOf('interactive')).toBeLessThan(6);
  });

  it('reports a rate limit even when the shared budget cannot record it', async () => {
    const budget = {
      ...createBudgetStore(database.db),
      throttle: () => Promise.reject(new Error('the database is away')),
    };
    const session = open(
      createTestProviders({ stripe: { apiUrl: world.sandbox.apiUrl, requestsPerSecond: 50 } }, budget),
    );
    await world.stripe.fault({ kind: 'status', status: 429, retryAfter: 7, times: 1 });
    expect((await refusalOf(session.listPage(LISTING))).details).toMatchObject({
      kind: 'rate-limited',
      retryAfterMs: 7_000,
    });
  });

  it('applies one caller’s 429 pause to all callers', async () => {
    const [one, other] = [open(providersAt(50)), open(providersAt(50))];
    await world.stripe.fault({ kind: 'status', status: 429, retryAfter: 1, times: 1 });
    const startedAt = performance.now();
    expect((await refusalOf(one.listPage(LISTING))).details.kind).toBe('rate-limited');
    await other.listPage(LISTING);
    expect(performance.now() - startedAt).toBeGreaterThan(850);
  });

  it('makes no call for a caller that has stopped waiting', async () => {
    const session = open(providersAt(1));
    await session.listPage(LISTING);
    const stop = new AbortController();
    const waiting = open(providersAt(1), { signal: stop.signal }).listPage(LISTING);
    setTimeout(() => {
      stop.abort();
    }, 100);
    await expect(waiting).rejects.toThrow();
    expect(await requests()).toBe(1);
  });

  it('counts every call once, whatever its outcome', async () => {
    const durations: number[] = [];
    const session = open(providersAt(5), { onCall: (durationMs) => durations.push(durationMs) });
    await world.stripe.fault({ kind: 'status', status: 500, times: 1 });
    await session.listPage(LISTING).catch(() => undefined);
    await session.listPage(allOf('events'));
    await session.count();
    await session.retrieve('cus_nobody').catch(() => undefined);
    await writerOf(session).findRemote({ recordId: 'x', fields: {}, email: null, createdSinceEpochS: 0, after: null });
    const mapped = world.mapping.toPayload({
      id: 'r',
      sourceId: 's',
      fields: { name: 'Ada', email: null, phone: null, address: null, marketingConsent: null, metadata: {} },
    });
    const { externalId } = await writerOf(session).create(mapped, { idempotencyKey: 'k1' });
    await writerOf(session).update(externalId, mapped, {
      idempotencyKey: 'k2',
      clearedMetadataKeys: [],
      externalState: null,
    });
    await writerOf(session).archive(externalId, { idempotencyKey: 'k3' });
    expect(durations).toHaveLength(8);
    expect(await requests()).toBe(8);
  });

  it('tells the duration of a call without its wait', async () => {
    const providers = providersAt(2);
    const startedAt = performance.now();
    const waits = Array.from({ length: 4 }, async () => {
      const durations: number[] = [];
      await open(providers, { onCall: (durationMs) => durations.push(durationMs) }).listPage(LISTING);
      return performance.now() - startedAt - Number(durations[0]);
    });
    // The last of them has waited for three slots of half a second.
    expect(Math.max(...(await Promise.all(waits)))).toBeGreaterThan(1_300);
  });

  it('shares one budget among keys under test', async () => {
    const test = () =>
      providersAt(1_000)
        .open('stripe', { secretKey: new Secret(world.sandbox.secretKey), account: null, lane: 'interactive' })
        .account();
    expect(await test()).toMatchObject({ environment: 'sandbox' });
    expect(await database.admin`select key from provider_budgets where key like '%connecting'`).toEqual([
      { key: 'stripe/connecting' },
    ]);
  });

  it('leases at most the declared concurrency, and says when to retry', async () => {
    const providers = providersAt(null);
    const target = { provider: 'stripe', ...account } as const;
    const limits = providers.find('stripe')!.capabilities.limits.sandbox;
    const [concurrency, requestsPerSecond] = [concurrencyOf(limits), accountPaceOf(limits)];
    const first = await providers.lease(target, { holder: 'one', slots: concurrency - 1 });
    const second = await providers.lease(target, { holder: 'two', slots: 10 });
    expect([first.slots, second.slots]).toEqual([concurrency - 1, 1]);
    expect((await refusalOf(providers.lease(target, { holder: 'three', slots: 1 }))).details).toMatchObject({
      kind: 'rate-limited',
      retryAfterMs: 5_000,
    });
    await first.renew();
    await first.release();
    expect(await providers.lease(target, { holder: 'three', slots: 1 })).toMatchObject({ slots: 1 });
    expect(providers.ratePerSecond(target)).toBe(requestsPerSecond);
    expect(providersAt(7.5).ratePerSecond(target)).toBe(7.5);
  });

  it('has no provider outside the registry', () => {
    expect(providersAt(1).find('nobody')).toBeNull();
    expect(() => providersAt(1).open('nobody', { secretKey: new Secret('x'), account, lane: 'bulk' })).toThrow(
      'no adapter for nobody',
    );
  });
});
