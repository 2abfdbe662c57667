import { setTimeout as delay } from 'node:timers/promises';
import { CALL_CLASS_MARK } from '../../contracts/providers.ts';
import type { Environment, Limit, ProviderId } from '../../contracts/providers.ts';
import type { Budget, Quota, Reservation } from './budget.ts';
import { createSlotsAhead } from './slots-ahead.ts';
import type { SlotsAhead } from './slots-ahead.ts';
import { appPaceOf, classPacesOf, countedWindowsOf } from './limits.ts';
import type { LimitReading } from './limits.ts';
import { ProviderError } from '../provider-error.ts';

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
  /** The rate is the operator's own, in place of every declared pace of the account. */
  readonly isOwnRate: boolean;
  readonly lane: 'interactive' | 'bulk';
  /** Its calls pass even when a long window is used up. */
  readonly mustPass: boolean;
}

/** The limits that every call of one session passes: those of its account and of our app. */
export interface BudgetGate {
  /** The key under which the account's calls are counted; keys under test share one. */
  readonly accountKey: string;
  /** Waits for the call's turn. Throws ProviderError `rate-limited`, or `quota-exhausted` where a long window is used up; AbortError when `signal` ends the wait. */
  enter(signal: AbortSignal | undefined, callClasses?: readonly string[]): Promise<void>;
  /** Records a refusal of a call of these classes by the provider for all processes. */
  refused(error: unknown, callClasses?: readonly string[]): Promise<void>;
  /** Records what an answer says about long windows. Never fails, because the next answer says it again. */
  heard(readings: readonly LimitReading[]): Promise<void>;
}

export function createBudgetGate(budget: Budget, options: GateOptions): BudgetGate {
  const { provider, limits, ratePerSecond, lane, mustPass } = options;
  const { account, app, accounts } = keysOf(options);
  const appPace = appPaceOf(limits);
  const quotas = quotasOf(options);
  const classPaces = options.isOwnRate ? NO_PACES : classPacesOf(limits);
  const pace = appPace === null ? null : { key: app, ratePerSecond: appPace };

  const slotsAhead = new Map<string, SlotsAhead>();

  function reserve(key: string, rate: number): Promise<Reservation> {
    const request = {
      ...{ ratePerSecond: rate, lane, maxWaitMs: MAX_WAIT_MS },
      ...(key === account && appPace !== null && { app: { keyPrefix: accounts, ratePerSecond: appPace } }),
    };
    if (lane === 'interactive') return budget.reserve(key, request);
    const ahead = slotsAhead.get(key) ?? createSlotsAhead(budget, key, request);
    slotsAhead.set(key, ahead);
    return ahead.take();
  }

  async function waitForSlot(key: string, rate: number, signal: AbortSignal | undefined): Promise<void> {
    const slot = await reserve(key, rate);
    if (!slot.granted) throw new ProviderError({ provider, kind: 'rate-limited', retryAfterMs: slot.retryAfterMs });
    await sleep(slot.waitMs, signal);
  }

  const pacedClasses = (callClasses: readonly string[]) =>
    callClasses.flatMap((callClass) => {
      const rate = classPaces.get(callClass);
      return rate === undefined ? [] : [{ key: ofClass(account, callClass), rate }];
    });

  return {
    accountKey: account,

    async enter(signal, callClasses = []) {
      // The rarer slot first: while a call waits for it, others use the account's.
      for (const { key, rate } of pacedClasses(callClasses)) await waitForSlot(key, rate, signal);
      await waitForSlot(account, ratePerSecond, signal);
      const counting = quotas.filter(({ callClass }) => callClass === undefined || callClasses.includes(callClass));
      if (counting.length === 0 && pace === null) return;
      // The call is counted in long windows only when it is due, because the count cannot be taken back.
      const admission = await budget.admit({ pace, quotas: counting, maxWaitMs: MAX_WAIT_MS, mustPass });
      if (!admission.granted) throw refusal(provider, admission);
      await sleep(admission.waitMs, signal);
    },

    async refused(error, callClasses = []) {
      if (!(error instanceof ProviderError)) return;
      const { kind, retryAfterMs } = error.details;
      // The refusal does not tell whether the account's limit was met or the class's: the slots of both are moved, because
      // slots of a class are taken before the account's pause is met.
      // The caller gets the refusal even when it cannot be recorded for the others.
      if (kind === 'rate-limited')
        for (const { key, rate } of [{ key: account, rate: ratePerSecond }, ...pacedClasses(callClasses)]) {
          slotsAhead.get(key)?.giveUp();
          await budget
            .throttle(key, { ratePerSecond: rate, pauseMs: retryAfterMs ?? DEFAULT_PAUSE_MS })
            .catch(() => undefined);
        }
      const spent = quotas.findLast((quota) => quota.account === undefined && quota.callClass === undefined);
      if (kind === 'quota-exhausted' && spent)
        await budget.learn(spent, { remaining: 0, endsInMs: retryAfterMs }).catch(() => undefined);
    },

    async heard(readings) {
      for (const { perSeconds, scope, ...told } of readings) {
        const quota = quotas.find(
          ({ windowS, account, callClass }) =>
            windowS === perSeconds && (account ? 'app' : 'account') === scope && callClass === undefined,
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

/** The key of one class of the calls of an account or an app. */
const ofClass = (key: string, callClass: string | undefined): string =>
  callClass === undefined ? key : `${key}${CALL_CLASS_MARK}${callClass}`;

const NO_PACES: ReadonlyMap<string, number> = new Map();

interface ClassQuota extends Quota {
  /** Absent: it counts every call. */
  readonly callClass?: string;
}

function quotasOf(options: GateOptions): readonly ClassQuota[] {
  const { account, app, accounts } = keysOf(options);
  return countedWindowsOf(options.limits).flatMap((window): ClassQuota[] => {
    const { count: limit, perSeconds: windowS, scope, callClass } = window;
    const counted = { windowS, limit, ...(callClass !== undefined && { callClass }) };
    if (scope === 'app') {
      const shares = callClass === undefined ? 'share/' : `share/${callClass}/`;
      const own = { key: `${shares}${account}`, keyPrefix: `${shares}${accounts}` };
      return [{ ...counted, key: ofClass(app, callClass), account: own }];
    }
    return options.externalAccountId === null ? [] : [{ ...counted, key: ofClass(account, callClass) }];
  });
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (ms > 0) await delay(ms, undefined, signal ? { signal } : {});
}
