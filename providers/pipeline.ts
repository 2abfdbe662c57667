import type { ProviderId } from '../contracts/providers.ts';
import type { Budget, LeaseRequest } from './budget.ts';
import { createBudgetGate } from './budget-gate.ts';
import { NO_CIRCUITS } from './circuits.ts';
import type { Circuits } from './circuits.ts';
import { cleanOAuth, cleanSession } from './clean-session.ts';
import { accountPaceOf, concurrencyOf } from './limits.ts';
import { ProviderError } from './provider-error.ts';
import type { OAuthAdapter } from './oauth.ts';
import type { Call, ProviderAdapter } from './provider.ts';
import type { BudgetAccount, CallOptions, ConcurrencyLease, Integration, Providers } from './providers.ts';

const LEASE_TTL_MS = 60_000;

/** A provider's apps as they are set up here: the flows that can be used, best first, and what is to be set for there to be one. */
export interface OAuthSetup {
  readonly provider: ProviderId;
  readonly adapters: readonly OAuthAdapter[];
  readonly missing: readonly string[];
}

export interface PipelineOptions {
  readonly adapters: readonly ProviderAdapter[];
  readonly oauth?: readonly OAuthSetup[];
  readonly budget: Budget;
  readonly circuits?: Circuits;
  /** An operator's own figure for a provider instead of the declared one, requests per second and account. */
  readonly requestsPerSecond: Readonly<Partial<Record<ProviderId, number | null>>>;
}

/** Builds the one way to call any provider: budget → circuit → timeout → call → classify → count. */
export function createPipeline({
  adapters,
  oauth = [],
  budget,
  circuits = NO_CIRCUITS,
  requestsPerSecond,
}: PipelineOptions): Providers {
  const byId = new Map(adapters.map((adapter) => [adapter.id, adapter]));

  function adapterOf(provider: ProviderId): ProviderAdapter {
    const adapter = byId.get(provider);
    if (!adapter) throw new Error(`no adapter for ${provider}`);
    return adapter;
  }

  const ratePerSecond: Providers['ratePerSecond'] = ({ provider, environment }) =>
    requestsPerSecond[provider] ?? accountPaceOf(adapterOf(provider).capabilities.limits[environment]);

  /** The one way to make a call: within the account's budget, and told to who counts. */
  function callOf(provider: ProviderId, options: CallOptions, { mustPass }: { readonly mustPass: boolean }): Call {
    const { account, lane, signal, onCall } = options;
    const { capabilities, limitsIn } = adapterOf(provider);
    const environment = account?.environment ?? 'production';
    const gate = createBudgetGate(budget, {
      ...{ provider, environment, lane, mustPass },
      externalAccountId: account?.externalAccountId ?? null,
      limits: capabilities.limits[environment],
      ratePerSecond: ratePerSecond({ provider, environment }),
    });

    return async function call(request) {
      await gate.enter(signal);
      const startedAt = performance.now();
      try {
        return await circuits.around(
          { provider, environment, accountKey: gate.accountKey },
          () => request((headers) => void gate.heard(limitsIn?.(headers) ?? [])),
          signal,
        );
      } catch (error) {
        await gate.refused(error);
        throw error;
      } finally {
        onCall?.(performance.now() - startedAt);
      }
    };
  }

  const flowsOf = (provider: ProviderId) => oauth.find((setup) => setup.provider === provider)?.adapters ?? [];
  const integration = (provider: ProviderId): Integration => {
    const flows = flowsOf(provider);
    const missing = oauth.find((setup) => setup.provider === provider)?.missing ?? [];
    return {
      configured: flows.length > 0,
      flows: flows.map(({ flow }) => flow),
      environment: flows[0]?.environment ?? null,
      missing,
    };
  };

  return {
    find: (provider) => byId.get(provider) ?? null,
    open: (provider, options) =>
      cleanSession(
        provider,
        adapterOf(provider).open({
          secretKey: options.secretKey,
          onBehalfOf: options.onBehalfOf,
          signal: options.signal,
          call: callOf(provider, options, { mustPass: false }),
        }),
      ),
    oauth(provider, flow) {
      const adapter = flowsOf(provider).find((one) => one.flow === flow);
      return adapter ? cleanOAuth(adapter) : null;
    },
    integration,
    calls: (provider, options) => ({ call: callOf(provider, options, { mustPass: true }), signal: options.signal }),
    ratePerSecond,
    lease: (account, request) =>
      acquire(budget, account, {
        ...request,
        maxSlots: concurrencyOf(adapterOf(account.provider).capabilities.limits[account.environment]),
      }),
  };
}

const budgetKey = ({ provider, environment, externalAccountId }: BudgetAccount) =>
  `${provider}/${environment}/${externalAccountId}`;

async function acquire(
  budget: Budget,
  account: BudgetAccount,
  request: LeaseRequest & { maxSlots: number },
): Promise<ConcurrencyLease> {
  const lease = await budget.acquireLease(budgetKey(account), { ...request, ttlMs: LEASE_TTL_MS });
  if (!lease)
    throw new ProviderError({
      provider: account.provider,
      kind: 'rate-limited',
      code: 'all-slots-leased',
      retryAfterMs: 5_000,
    });
  const { slots, maxSlots } = request;
  let held = lease.slots;
  return {
    get slots() {
      return held;
    },
    async renew() {
      held = (await budget.renewLease(lease.id, { slots, maxSlots, ttlMs: LEASE_TTL_MS })) ?? held;
    },
    release: () => budget.releaseLease(lease.id),
  };
}
