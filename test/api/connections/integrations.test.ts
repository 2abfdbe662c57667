import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MONTH_S } from '../../../contracts/providers.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { createCircuitStore } from '../../../db/budgets/circuit-store.ts';
import { CIRCUIT_LIMITS, opened } from '../../../domain/circuits/circuit.ts';
import { PROVIDERS } from '../../../providers/registry.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { concurrencyOf } from '../../../providers/limits/limits.ts';
import { STRIPE_CAPABILITIES } from '../../../providers/stripe/capabilities.ts';
import { aConnection } from '../../db/builders.ts';
import { aToken, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { API_VERSION } from '../../../providers/stripe/customers/names.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

interface Integration {
  readonly provider: string;
  readonly configured: boolean;
  readonly toSet: readonly string[];
  readonly accounts: string | null;
}

describe('the integrations', () => {
  it('include every provider, with what it supports here', async () => {
    const answer = await api.send('GET', '/v1/integrations');
    const data = answer.json.data as unknown as readonly Integration[];
    expect(data.map(({ provider }) => provider)).toEqual(PROVIDERS.map(({ id }) => id));
    const { resources, limits } = STRIPE_CAPABILITIES;
    expect(data.map(({ provider, accounts }) => [provider, accounts])).toContainEqual(['square', 'location']);
    expect(data[0]).toEqual({
      ...{
        provider: 'stripe',
        displayName: 'Stripe',
        configured: true,
        supported: true,
        toSet: [],
        flows: ['connect', 'app'],
        environment: 'sandbox',
        resources,
        reconciles: true,
        reports: [],
        connect: ['api-key', 'oauth'],
        credentialFields: [{ name: 'secretKey', description: expect.any(String) as string, secret: true }],
        accounts: null,
        apiVersion: { name: API_VERSION, endsOn: null },
      },
      // The operator's own budget, which the calls really use.
      limits: {
        sandbox: { requestsPerSecond: 2_000, concurrency: concurrencyOf(limits.sandbox), windows: [] },
        production: { requestsPerSecond: 2_000, concurrency: concurrencyOf(limits.production), windows: [] },
      },
    });
  });

  it.each([
    ['square', ['pkce', 'code'], 'sandbox'],
    ['quickbooks', ['code'], 'sandbox'],
    ['mailchimp', ['code'], 'production'],
    ['xero', ['code'], 'production'],
  ])('list %s with the flows of its app, and no resources yet', async (provider, flows, environment) => {
    const { json } = await api.send('GET', `/v1/integrations/${provider}`);
    expect(json).toMatchObject({
      provider,
      configured: true,
      supported: true,
      toSet: [],
      flows,
      environment,
      resources: PROVIDERS.find(({ id }) => id === provider)?.resources,
    });
    expect((await api.send('GET', `/v1/integrations/${provider}/status`)).json).toEqual({
      provider,
      budgets: [],
      appWindows: [],
      circuits: [],
    });
  });

  it.each(['paypal', 'Stripe', '019a0000-0000-7000-8000-000000000000'])('answer 404 for %s', async (provider) => {
    for (const path of ['', '/status'])
      expect(await api.send('GET', `/v1/integrations/${provider}${path}`)).toMatchObject({
        status: 404,
        json: { code: 'provider-not-found' },
      });
  });
});

describe('the status of an integration', () => {
  interface Budget {
    readonly accountId: string;
    readonly requestsPerSecond: number;
    readonly allowedPerSecond: number;
    readonly waitMs: number;
    readonly concurrencyInUse: number;
  }
  const statusFor = async (venues: readonly string[] | '*') =>
    (
      (await api.send('GET', '/v1/integrations/stripe/status', { token: await aToken({ role: 'viewer', venues }) }))
        .json as unknown as { budgets: readonly Budget[] }
    ).budgets;

  /** An account that a venue has connected and that was called. */
  async function aCalledAccount(): Promise<{ venueId: VenueId; accountId: string; key: string }> {
    const venueId = await api.aVenue();
    const { account } = await aConnection(api.database.db, venueId);
    const key = `stripe/sandbox/${account!.id}`;
    await createBudgetStore(api.database.db).reserve(key, { ratePerSecond: 2_000, lane: 'bulk', maxWaitMs: 1_000 });
    return { venueId, accountId: account!.id, key };
  }

  it('shows the circuits of the caller’s failing accounts and of the provider, and no others', async () => {
    const [mine, theirs] = [await aCalledAccount(), await aCalledAccount()];
    const store = createCircuitStore(api.database.db);
    const now = new Date();
    for (const key of [mine.key, theirs.key, 'stripe/sandbox/*', 'stripe/connecting'])
      await store.update(key, () => ({ circuit: opened(5, now, CIRCUIT_LIMITS), answer: null }));
    const circuitsFor = async (venues: readonly string[] | '*') =>
      (
        (await api.send('GET', '/v1/integrations/stripe/status', { token: await aToken({ role: 'viewer', venues }) }))
          .json as unknown as { circuits: readonly { readonly accountId: string | null }[] }
      ).circuits;
    const accounts = async (venues: readonly string[] | '*') =>
      (await circuitsFor(venues)).map(({ accountId }) => accountId).sort();
    const open = { environment: 'sandbox', state: 'open', failures: 5, openedAt: now.toISOString() };
    const retryAt = new Date(now.getTime() + CIRCUIT_LIMITS.openMs).toISOString();
    expect(await circuitsFor([mine.venueId])).toEqual(
      expect.arrayContaining([
        { ...open, retryAt, accountId: mine.accountId },
        { ...open, retryAt, accountId: null },
      ]),
    );
    expect(await accounts([mine.venueId])).toEqual([mine.accountId, null].sort());
    expect(await accounts([await api.aVenue()])).toEqual([null]);
    expect(await accounts('*')).toEqual([mine.accountId, theirs.accountId, null].sort());
  });

  it('shows the budgets of the caller’s accounts, and no others', async () => {
    const [mine, also, theirs] = [await aCalledAccount(), await aCalledAccount(), await aCalledAccount()];
    const ids = async (venues: readonly string[] | '*') =>
      (await statusFor(venues)).map(({ accountId }) => accountId).sort();
    expect(await ids([mine.venueId])).toEqual([mine.accountId]);
    expect(await ids([mine.venueId, also.venueId])).toEqual([mine.accountId, also.accountId].sort());
    expect(await ids([await api.aVenue()])).toEqual([]);
    expect(await ids('*')).toEqual(expect.arrayContaining([mine.accountId, also.accountId, theirs.accountId]));
  });

  it('shows what is left of the windows that all accounts share to a caller of every venue, and to no other', async () => {
    const quota = { key: 'app/quickbooks/production#read', windowS: MONTH_S, limit: 500_000 };
    await createBudgetStore(api.database.db).learn(quota, { remaining: 499_000 });
    const windowsFor = async (venues: readonly string[] | '*') =>
      (
        (
          await api.send('GET', '/v1/integrations/quickbooks/status', {
            token: await aToken({ role: 'viewer', venues }),
          })
        ).json as unknown as { appWindows: readonly { endsAt: string }[] }
      ).appWindows;
    expect(await windowsFor([await api.aVenue()])).toEqual([]);
    const [window, ...others] = await windowsFor('*');
    expect(window).toMatchObject({
      ...{ environment: 'production', perSeconds: MONTH_S, callClass: 'read', used: 1_000, count: 500_000 },
    });
    expect(others).toEqual([]);
    expect(window?.endsAt).toMatch(/-01T00:00:00.000Z$/);
  });

  it('shows an account’s windows for a class of calls, and lists no class as an account', async () => {
    const { venueId, key, accountId } = await aCalledAccount();
    const budgets = createBudgetStore(api.database.db);
    await budgets.reserve(`${key}#batch`, { ratePerSecond: 1, lane: 'bulk', maxWaitMs: 1_000 });
    expect((await statusFor('*')).filter((one) => one.accountId.startsWith(accountId))).toHaveLength(1);
    expect(await statusFor([venueId])).toHaveLength(1);
  });

  it('shows a throttled account’s current rate, and its leases', async () => {
    const { venueId, key, accountId } = await aCalledAccount();
    const budgets = createBudgetStore(api.database.db);
    expect(await statusFor([venueId])).toEqual([
      {
        environment: 'sandbox',
        accountId,
        requestsPerSecond: 2_000,
        allowedPerSecond: 2_000,
        waitMs: 0,
        concurrency: concurrencyOf(STRIPE_CAPABILITIES.limits.sandbox),
        concurrencyInUse: 0,
        windows: [],
      },
    ]);
    await budgets.throttle(key, { ratePerSecond: 2_000, pauseMs: 60_000 });
    await budgets.acquireLease(key, { holder: 'a run', slots: 5, maxSlots: 24, ttlMs: 60_000 });
    await budgets.acquireLease(key, { holder: 'a dead run', slots: 3, maxSlots: 24, ttlMs: 0 });
    const [slowed] = await statusFor([venueId]);
    expect(slowed).toMatchObject({ requestsPerSecond: 2_000, concurrencyInUse: 5 });
    expect(slowed!.allowedPerSecond).toBeLessThan(2_000);
    expect(slowed!.waitMs).toBeGreaterThan(30_000);
  });
});
