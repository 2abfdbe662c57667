import { setTimeout as delay } from 'node:timers/promises';
import type { Environment, Limit, ProviderId } from '../contracts/providers.ts';
import type { Budget, Quota } from './budget.ts';
import { appPaceOf, countedWindowsOf } from './limits.ts';
import type { LimitReading } from './limits.ts';
import { ProviderError } from './provider-error.ts';

/** The longest wait inside a call. A longer one is returned to the caller, which can release its thread meanwhile. */
const MAX_WAIT_MS = 10_000;
/** Stripe documents no Retry-After on 429 (https://docs.stripe.com/rate-limits, read 2026-11-21). */
const DEFAULT_PAUSE_MS = 1_000;

export interface GateOptions {
  readonly provider: ProviderId;
  readonly environment: Environment;
  /** Null while a key is being tested: its account is known only from the answer. */
  readonly externalAccountId: string | null;
  readonly limits: readonly Limit[];
  readonly ratePerSecond: number;
  readonly lane: 'interactive' | 'bulk';
  /** Its calls pass even when a long window is used up. */
  readonly mustPass: boolean;
}

/** The limits that every call of one session passes: those of its account and of our app. */
export interface BudgetGate {
  /** The key under which the account's calls are counted; keys under test share one. */
  readonly accountKey: string;
  /** Waits for the call's turn. Throws ProviderError `rate-limited`, or `quota-exhausted` where a long window is used up; AbortError when `signal` ends the wait. */
  enter(signal: AbortSignal | undefined): Promise<void>;
  /** Records a refusal by the provider for all processes. */
  refused(error: unknown): Promise<void>;
  /** Records what an answer says about long windows. Never fails, because the next answer says it again. */
  heard(readings: readonly LimitReading[]): Promise<void>;
}

export function createBudgetGate(budget: Budget, options: GateOptions): BudgetGate {
  const { provider, limits, ratePerSecond, lane, mustPass } = options;
  const { account, app, accounts } = keysOf(options);
  const appPace = appPaceOf(limits);
  const quotas = quotasOf(options);
  const pace = appPace === null ? null : { key: app, ratePerSecond: appPace };

  return {
    accountKey: account,

    async enter(signal) {
      const slot = await budget.reserve(account, {
        ...{ ratePerSecond, lane, maxWaitMs: MAX_WAIT_MS },
        ...(appPace !== null && { app: { keyPrefix: accounts, ratePerSecond: appPace } }),
      });
      if (!slot.granted) throw new ProviderError({ provider, kind: 'rate-limited', retryAfterMs: slot.retryAfterMs });
      await sleep(slot.waitMs, signal);
      if (quotas.length === 0 && pace === null) return;
      // The call is counted in long windows only when it is due, because the count cannot be taken back.
      const admission = await budget.admit({ pace, quotas, maxWaitMs: MAX_WAIT_MS, mustPass });
      if (!admission.granted) throw refusal(provider, admission);
      await sleep(admission.waitMs, signal);
    },

    async refused(error) {
      if (!(error instanceof ProviderError)) return;
      const { kind, retryAfterMs } = error.details;
      // The caller gets the refusal even when it cannot be recorded for the others.
      if (kind === 'rate-limited')
        await budget
          .throttle(account, { ratePerSecond, pauseMs: retryAfterMs ?? DEFAULT_PAUSE_MS })
          .catch(() => undefined);
      const spent = quotas.findLast((quota) => quota.account === undefined);
      if (kind === 'quota-exhausted' && spent)
        await budget.learn(spent, { remaining: 0, endsInMs: retryAfterMs }).catch(() => undefined);
    },

    async heard(readings) {
      for (const { perSeconds, scope, ...told } of readings) {
        const quota = quotas.find(
          ({ windowS, account }) => windowS === perSeconds && (account ? 'app' : 'account') === scope,
        );
        if (quota) await budget.learn(quota, told).catch(() => undefined);
      }
    },
  };
}

function refusal(
  provider: ProviderId,
  { reason, retryAfterMs }: { readonly reason: 'pace' | 'quota'; readonly retryAfterMs: number },
): ProviderError {
  return reason === 'pace'
    ? new ProviderError({ provider, kind: 'rate-limited', retryAfterMs })
    : new ProviderError({ provider, kind: 'quota-exhausted', code: 'window-used-up', retryAfterMs });
}

/** `accounts` is the prefix of the keys of all accounts. */
function keysOf({ provider, environment, externalAccountId }: GateOptions) {
  const accounts = `${provider}/${environment}/`;
  return {
    // Keys under test share one budget.
    account: externalAccountId === null ? `${provider}/connecting` : accounts + externalAccountId,
    app: `app/${provider}/${environment}`,
    accounts,
  };
}

function quotasOf(options: GateOptions): readonly Quota[] {
  const { account, app, accounts } = keysOf(options);
  return countedWindowsOf(options.limits).flatMap(({ count: limit, perSeconds: windowS, scope }): Quota[] => {
    if (scope === 'app')
      return [{ key: app, windowS, limit, account: { key: `share/${account}`, keyPrefix: `share/${accounts}` } }];
    return options.externalAccountId === null ? [] : [{ key: account, windowS, limit }];
  });
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms > 0) await delay(ms, undefined, signal ? { signal } : {});
}
