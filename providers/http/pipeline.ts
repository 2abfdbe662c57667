import { randomUUID } from 'node:crypto';
import type { ProviderId } from '../../contracts/providers.ts';
import type { Budget, LeaseRequest } from '../limits/budget.ts';
import { createBudgetGate } from '../limits/budget-gate.ts';
import { NO_CIRCUITS } from '../limits/circuits.ts';
import type { Circuits } from '../limits/circuits.ts';
import { cleanOAuth, cleanSession } from '../clean-session.ts';
import { accountPaceOf, concurrencyOf } from '../limits/limits.ts';
import { withExclusiveWrites } from '../limits/exclusive-writes.ts';
import type { ProviderDefinition } from '../kit/define-provider.ts';
import type { WebhookSetup } from '../kit/webhook-definition.ts';
import { ProviderError } from '../provider-error.ts';
import type { OAuthAdapter } from '../oauth.ts';
import type { Call, ProviderAdapter } from '../provider.ts';
import type {
  AccountListing,
  BudgetAccount,
  CallOptions,
  ConcurrencyLease,
  Integration,
  Providers,
} from '../providers.ts';

const LEASE_TTL_MS = 60_000;
/** The longest wait for other sessions' exclusive writes. For `interactive` calls a person waits. */
const EXCLUSIVE_WAIT_MS = { bulk: 10_000, interactive: 5_000 } as const;

/** A provider as configured here. */
export interface SetUpProvider {
  readonly definition: ProviderDefinition;
  readonly adapter: ProviderAdapter;
  /** The usable flows, the usual one first. */
  readonly flows: readonly OAuthAdapter[];
  /** Variables that have to be set for a flow to be usable. */
  readonly missing: readonly string[];
  /** Null: a grant opens one account. */
  readonly accounts: AccountListing | null;
  /** Null: it sends no events that this service takes. */
  readonly webhooks: WebhookSetup | null;
  /** The operator's own rate instead of the declared one, in requests per second and account. */
  readonly requestsPerSecond: number | null;
}

export interface PipelineOptions {
  readonly providers: readonly SetUpProvider[];
  readonly budget: Budget;
  readonly circuits?: Circuits;
}

/** Builds the one way to call any provider: budget → circuit → timeout → call → classify → count. */
export function createPipeline({ providers, budget, circuits = NO_CIRCUITS }: PipelineOptions): Providers {
  const byId = new Map(providers.map((provider) => [provider.definition.id, provider]));

  function adapterOf(provider: ProviderId): ProviderAdapter {
    const adapter = byId.get(provider)?.adapter;
    if (!adapter) throw new Error(`no adapter for ${provider}`);
    return adapter;
  }

  const ratePerSecond: Providers['ratePerSecond'] = ({ provider, environment }) =>
    byId.get(provider)?.requestsPerSecond ?? accountPaceOf(adapterOf(provider).capabilities.limits[environment]);

  /** The only way to make a call: within the account's budget, and reported to the counters. */
  function callOf(provider: ProviderId, options: CallOptions, { mustPass }: { readonly mustPass: boolean }): Call {
    const { account, lane, signal, onCall } = options;
    const { capabilities, limitsIn } = adapterOf(provider);
    const environment = account?.environment ?? 'production';
    const gate = createBudgetGate(budget, {
      ...{ provider, environment, lane, mustPass },
      externalAccountId: account?.externalAccountId ?? null,
      limits: capabilities.limits[environment],
      ratePerSecond: ratePerSecond({ provider, environment }),
      isOwnRate: byId.get(provider)?.requestsPerSecond != null,
    });

    return async function call(request, { callClasses } = { callClasses: [] }) {
      await gate.enter(signal, callClasses);
      const startedAt = performance.now();
      try {
        return await circuits.around(
          { provider, environment, accountKey: gate.accountKey },
          () => request((headers) => void gate.heard(limitsIn?.(headers) ?? [])),
          signal,
        );
      } catch (error) {
        await gate.refused(error, callClasses);
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
    open(provider, options) {
      const { account, lane, signal, holder = { holder: randomUUID() } } = options;
      const session = adapterOf(provider).open({
        secretKey: options.secretKey,
        onBehalfOf: options.onBehalfOf,
        fields: options.fields,
        accounts: options.accounts,
        signal,
        call: callOf(provider, options, { mustPass: false }),
      });
      // A key under test, whose account is unknown, writes nothing.
      if (account === null) return cleanSession(provider, session);
      const accountKey = budgetKey({ provider, ...account });
      const maxWaitMs = EXCLUSIVE_WAIT_MS[lane];
      return cleanSession(
        provider,
        withExclusiveWrites(session, { provider, budget, accountKey, holder, maxWaitMs, signal }),
      );
    },
    oauth(provider, flow) {
      const adapter = byId.get(provider)?.flows.find((one) => one.flow === flow);
      return adapter ? cleanOAuth(adapter) : null;
    },
    accounts: (provider) => byId.get(provider)?.accounts ?? null,
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
