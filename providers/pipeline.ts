import { setTimeout as delay } from 'node:timers/promises';
import type { ProviderId } from '../contracts/providers.ts';
import type { Budget, LeaseRequest } from './budget.ts';
import { cleanOAuth, cleanSession } from './clean-session.ts';
import type { ProviderDefinition } from './kit/define-provider.ts';
import type { WebhookSetup } from './kit/webhook-definition.ts';
import { ProviderError } from './provider-error.ts';
import type { OAuthAdapter } from './oauth.ts';
import type { Call, ProviderAdapter } from './provider.ts';
import type { BudgetAccount, CallOptions, ConcurrencyLease, Integration, Providers } from './providers.ts';

/** A wait longer than this is handed back to the caller, which can give up its thread meanwhile. */
const MAX_WAIT_MS = 10_000;
/** Stripe documents no Retry-After on 429 (https://docs.stripe.com/rate-limits, read 2026-11-21). */
const DEFAULT_PAUSE_MS = 1_000;
const LEASE_TTL_MS = 60_000;

/** A provider as its settings here make it. */
export interface SetUpProvider {
  readonly definition: ProviderDefinition;
  readonly adapter: ProviderAdapter;
  /** The flows that can be used, the usual one first. */
  readonly flows: readonly OAuthAdapter[];
  /** Variables to set for there to be one. */
  readonly missing: readonly string[];
  /** Null: it sends none that this service takes. */
  readonly webhooks: WebhookSetup | null;
  /** An operator's own figure instead of the declared one, requests per second and account. */
  readonly requestsPerSecond: number | null;
}

export interface PipelineOptions {
  readonly providers: readonly SetUpProvider[];
  readonly budget: Budget;
}

/** Builds the one way to call any provider: budget → timeout → call → classify → count. */
export function createPipeline({ providers, budget }: PipelineOptions): Providers {
  const byId = new Map(providers.map((provider) => [provider.definition.id, provider]));

  function adapterOf(provider: ProviderId): ProviderAdapter {
    const adapter = byId.get(provider)?.adapter;
    if (!adapter) throw new Error(`no adapter for ${provider}`);
    return adapter;
  }

  const ratePerSecond: Providers['ratePerSecond'] = ({ provider, environment }) =>
    byId.get(provider)?.requestsPerSecond ?? adapterOf(provider).capabilities.limits[environment].requestsPerSecond;

  /** The one way to make a call: within the account's budget, and told to who counts. */
  function callOf(provider: ProviderId, options: CallOptions): Call {
    const { account, lane, signal, onCall } = options;
    const environment = account?.environment ?? 'production';
    // Keys that are being tested share one budget: their account is not known before the answer.
    const key = account ? budgetKey({ ...account, provider }) : `${provider}/connecting`;
    const rate = ratePerSecond({ provider, environment });

    return async function call<T>(request: () => Promise<T>): Promise<T> {
      const slot = await budget.reserve(key, { ratePerSecond: rate, lane, maxWaitMs: MAX_WAIT_MS });
      if (!slot.granted) throw new ProviderError({ provider, kind: 'rate-limited', retryAfterMs: slot.retryAfterMs });
      if (slot.waitMs > 0) await delay(slot.waitMs, undefined, signal ? { signal } : {});
      const startedAt = performance.now();
      try {
        return await request();
      } catch (error) {
        if (error instanceof ProviderError && error.details.kind === 'rate-limited') {
          // The refusal is what the caller has to know, also when it cannot be noted for the others.
          await budget
            .throttle(key, { ratePerSecond: rate, pauseMs: error.details.retryAfterMs ?? DEFAULT_PAUSE_MS })
            .catch(() => undefined);
        }
        throw error;
      } finally {
        onCall?.(performance.now() - startedAt);
      }
    };
  }

  const integration = (provider: ProviderId): Integration => {
    const { flows = [], missing = [] } = byId.get(provider) ?? {};
    return {
      configured: flows.length > 0,
      flows: flows.map(({ flow }) => flow),
      environment: flows[0]?.environment ?? null,
      missing,
    };
  };

  return {
    ids: [...byId.keys()],
    definition: (provider) => byId.get(provider)?.definition ?? null,
    find: (provider) => byId.get(provider)?.adapter ?? null,
    webhooks: (provider) => byId.get(provider)?.webhooks ?? null,
    open: (provider, options) =>
      cleanSession(
        provider,
        adapterOf(provider).open({
          secretKey: options.secretKey,
          onBehalfOf: options.onBehalfOf,
          fields: options.fields,
          signal: options.signal,
          call: callOf(provider, options),
        }),
      ),
    oauth(provider, flow) {
      const adapter = byId.get(provider)?.flows.find((one) => one.flow === flow);
      return adapter ? cleanOAuth(adapter) : null;
    },
    integration,
    calls: (provider, options) => ({ call: callOf(provider, options), signal: options.signal }),
    ratePerSecond,
    lease: (account, request) =>
      acquire(budget, account, {
        ...request,
        maxSlots: adapterOf(account.provider).capabilities.limits[account.environment].concurrency,
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
