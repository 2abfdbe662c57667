import { actBody, perform } from './acts.ts';
import type { CallLog } from '../../core/call-log.ts';
import { faultSchema } from '../../core/faults.ts';
import type { Faults } from '../../core/faults.ts';
import { expiredKeyOf, newAccount, restrictedKeyOf } from '../state/account.ts';
import type { AccountProfile } from '../state/account.ts';
import type { AccountState } from '../state/account-state.ts';
import { ControlError, parseInput } from '../../core/control-api.ts';
import type { ControlRoutes } from '../../core/control-api.ts';
import { accountQuery, callsQuery, clockBody, offsetOf, resetBody } from '../../core/control-schemas.ts';
import { apiVersionBody, emitBody, limitsBody, newAccountBody, stateQuery } from './control-schemas.ts';
import { emit } from '../events/emit.ts';
import type { RateLimiter } from '../http/limits.ts';
import { grantRoutes, stateOf } from '../../oauth/control.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import type { Ledger } from '../../oauth/ledger.ts';
import { seedChanges } from './seed-changes.ts';
import { seedBody } from './seed-schemas.ts';
import { stateChunks } from '../state/state-chunks.ts';
import { STRIPE_CONSENTS } from '../oauth/stripe-oauth.ts';
import type { StripeState } from '../state/state.ts';

export interface StripeControlParts {
  readonly state: StripeState;
  readonly faults: Faults;
  readonly limiter: RateLimiter;
  readonly calls: CallLog;
  readonly revokedKeys: Map<string, string | undefined>;
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
}

/** The OAuth tables, beside Stripe's own objects. */
const GRANT_TABLES = ['apps', 'codes', 'grants', 'tokens'];

/** The control API of the stand-in Stripe, for tests and operators of the sandbox. The product never calls it. */
export function stripeControlRoutes(parts: StripeControlParts): ControlRoutes {
  return {
    ...objectRoutes(parts),
    ...faultRoutes(parts),
    ...settingRoutes(parts),
    ...grantRoutes({ ...parts, consents: STRIPE_CONSENTS }),
  };
}

function objectRoutes({ state, calls, faults, limiter, revokedKeys, ledger }: StripeControlParts): ControlRoutes {
  return {
    'POST /reset': ({ body }) => {
      const { account } = parseInput(resetBody, body);
      if (account !== undefined) selectAccount(state, account);
      state.commit([{ op: 'reset', account: account ?? null }]);
      calls.clear(account);
      if (account === undefined) {
        ledger.commit([{ op: 'reset', account: null }]);
        ledger.refusedAccounts.clear();
        faults.clear();
        revokedKeys.clear();
        limiter.clear();
      }
      return { json: { reset: account ?? 'everything' } };
    },
    'POST /seed': ({ body }) => {
      const seed = parseInput(seedBody, body);
      const account = selectAccount(state, seed.account);
      const { changes, created, ids, kind } = seedChanges(state, account, seed);
      state.commit(changes);
      return { json: { resource: seed.resource, created, total: account.table(kind).rows.size, ids } };
    },
    'GET /state/': ({ query, rest }) => {
      const { account, includeDeleted } = parseInput(stateQuery, query);
      if (GRANT_TABLES.includes(rest)) return { json: { data: stateOf(ledger, rest, account) } };
      return {
        chunks: stateChunks(selectAccount(state, account), rest, {
          includeDeleted,
          nowSeconds: state.clock.nowSeconds(),
        }),
      };
    },
    'GET /calls': ({ query }) => {
      const { since, account } = parseInput(callsQuery, query);
      return { json: { data: calls.since(since).filter((call) => account === undefined || call.account === account) } };
    },
    'POST /acts': ({ body }) => {
      const wanted = parseInput(actBody, body);
      return { json: perform(state, selectAccount(state, wanted.account), wanted) };
    },
    'POST /emit': async ({ body }) => {
      const request = parseInput(emitBody, body);
      return { json: await emit(state, selectAccount(state, request.account), request) };
    },
    // Upgrades or downgrades the API version. Earlier events keep their shape.
    'POST /api-version': ({ body }) => {
      const { account, apiVersion } = parseInput(apiVersionBody, body);
      const profile = { ...selectAccount(state, account).profile, apiVersion };
      state.commit([{ op: 'account', profile }]);
      return { json: announced(profile) };
    },
    'GET /accounts': () => ({ json: { data: state.accounts.map(({ profile }) => announced(profile)) } }),
    'POST /accounts': ({ body }) => {
      const wanted = parseInput(newAccountBody, body);
      const profile = newAccount(wanted, state.clock.nowSeconds());
      if (state.credential(profile.secretKey))
        throw new ControlError(409, 'key-taken', { message: 'Another account has this secretKey.' });
      state.commit([{ op: 'account', profile }]);
      return { status: 201, json: announced(profile) };
    },
  };
}

function faultRoutes({ faults, revokedKeys, ledger }: StripeControlParts): ControlRoutes {
  return {
    'GET /faults': () => ({ json: { data: faults.list() } }),
    'POST /faults': ({ body }) => {
      const fault = parseInput(faultSchema, body);
      faults.install(fault);
      return { status: 201, json: fault };
    },
    'DELETE /faults': ({ query }) => {
      const { account } = parseInput(accountQuery, query);
      faults.clear(account);
      for (const refused of [revokedKeys, ledger.refusedAccounts]) {
        if (account === undefined) refused.clear();
        else refused.delete(account);
      }
      return { json: { data: faults.list() } };
    },
  };
}

function settingRoutes({ state, limiter }: StripeControlParts): ControlRoutes {
  const clock = () => ({ json: { offsetMs: state.clock.offsetMs, now: state.clock.nowMs() } });
  return {
    'GET /clock': clock,
    'POST /clock': ({ body }) => {
      state.commit([{ op: 'settings', clockOffsetMs: offsetOf(parseInput(clockBody, body)), limits: state.limits }]);
      return clock();
    },
    'GET /limits': ({ query }) => {
      parseInput(accountQuery, query);
      return { json: state.limits };
    },
    'POST /limits': ({ body }) => {
      const changed = Object.entries(parseInput(limitsBody, body)).filter(([, value]) => value !== undefined);
      state.commit([
        {
          op: 'settings',
          clockOffsetMs: state.clock.offsetMs,
          limits: { ...state.limits, ...Object.fromEntries(changed) },
        },
      ]);
      limiter.clear();
      return { json: state.limits };
    },
  };
}

function announced(profile: AccountProfile) {
  return { ...profile, restrictedKey: restrictedKeyOf(profile), expiredKey: expiredKeyOf(profile) };
}

function selectAccount(state: StripeState, id: string | undefined): AccountState {
  const account = id === undefined ? state.accounts[0] : state.account(id);
  if (!account) throw new ControlError(404, 'account-not-found', { message: `There is no account ${id}.` });
  return account;
}
