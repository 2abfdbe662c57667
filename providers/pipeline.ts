import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderId } from '../contracts/providers.ts';
import type { Budget, LeaseRequest } from './budget.ts';
import { ProviderError } from './provider-error.ts';
import type { ProviderAdapter, ProviderSession } from './provider.ts';
import type { BudgetAccount, ConcurrencyLease, OpenOptions, Providers } from './providers.ts';

/** A wait longer than this is handed back to the caller, which can give up its thread meanwhile. */
const MAX_WAIT_MS = 10_000;
/** Stripe documents no Retry-After on 429 (https://docs.stripe.com/rate-limits, read 2026-11-21). */
const DEFAULT_PAUSE_MS = 1_000;
const LEASE_TTL_MS = 60_000;

export interface PipelineOptions {
  readonly adapters: readonly ProviderAdapter[];
  readonly budget: Budget;
  /** An operator's own figure for a provider instead of the declared one, requests per second and account. */
  readonly requestsPerSecond: Readonly<Partial<Record<ProviderId, number | null>>>;
}

/** Builds the one way to call any provider: budget → timeout → call → classify → count. */
export function createPipeline({ adapters, budget, requestsPerSecond }: PipelineOptions): Providers {
  const byId = new Map(adapters.map((adapter) => [adapter.id, adapter]));

  function adapterOf(provider: ProviderId): ProviderAdapter {
    const adapter = byId.get(provider);
    if (!adapter) throw new Error(`no adapter for ${provider}`);
    return adapter;
  }

  const ratePerSecond: Providers['ratePerSecond'] = ({ provider, environment }) =>
    requestsPerSecond[provider] ?? adapterOf(provider).capabilities.limits[environment].requestsPerSecond;

  function open(provider: ProviderId, options: OpenOptions): ProviderSession {
    const { account, lane, signal, onCall } = options;
    const environment = account?.environment ?? 'production';
    // Keys that are being tested share one budget: their account is not known before the answer.
    const key = account ? budgetKey({ ...account, provider }) : `${provider}/connecting`;
    const rate = ratePerSecond({ provider, environment });

    async function call<T>(request: () => Promise<T>): Promise<T> {
      const slot = await budget.reserve(key, { ratePerSecond: rate, lane, maxWaitMs: MAX_WAIT_MS });
      if (!slot.granted) throw new ProviderError({ provider, kind: 'rate-limited', retryAfterMs: slot.retryAfterMs });
      if (slot.waitMs > 0) await delay(slot.waitMs, undefined, signal ? { signal } : {});
      const startedAt = performance.now();
      try {
        return await request();
      } catch (error) {
        if (error instanceof ProviderError && error.details.kind === 'rate-limited') {
          await budget.throttle(key, { ratePerSecond: rate, pauseMs: error.details.retryAfterMs ?? DEFAULT_PAUSE_MS });
        }
        throw error;
      } finally {
        onCall?.(performance.now() - startedAt);
      }
    }

    return adapterOf(provider).open({ secretKey: options.secretKey, signal, call });
  }

  return {
    find: (provider) => byId.get(provider) ?? null,
    open,
    ratePerSecond,
    lease: (account, request) => acquire(budget, account, { ...request, maxSlots: adapterOf(account.provider).capabilities.limits[account.environment].concurrency }),
  };
}

const budgetKey = ({ provider, environment, externalAccountId }: BudgetAccount) => `${provider}/${environment}/${externalAccountId}`;

async function acquire(budget: Budget, account: BudgetAccount, request: LeaseRequest & { maxSlots: number }): Promise<ConcurrencyLease> {
  const lease = await budget.acquireLease(budgetKey(account), { ...request, ttlMs: LEASE_TTL_MS });
  if (!lease) throw new ProviderError({ provider: account.provider, kind: 'rate-limited', code: 'all-slots-leased', retryAfterMs: 5_000 });
  return {
    slots: lease.slots,
    renew: () => budget.renewLease(lease.id, LEASE_TTL_MS),
    release: () => budget.releaseLease(lease.id),
  };
}
