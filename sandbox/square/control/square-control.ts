import { z } from 'zod';
import { ControlError, parseInput } from '../../core/control-api.ts';
import type { ControlRoutes } from '../../core/control-api.ts';
import { account, accountQuery, resetBody } from '../../core/control-schemas.ts';
import { given } from '../../core/given.ts';
import { baseRoute, isAboutAccounts } from '../../oauth/base-routes.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import type { Account } from '../../oauth/ledger-rows.ts';
import type { Ledger } from '../../oauth/ledger.ts';
import { mergeCustomers } from '../customers/merging.ts';
import { limitsBody } from '../http/limits.ts';
import type { RateLimiter } from '../http/limits.ts';
import { KINDS } from '../state/square-state.ts';
import type { SquareState } from '../state/square-state.ts';
import { SEEDS } from './seeds.ts';

const seedBody = z
  .strictObject({
    resource: z.enum(KINDS),
    account,
    count: z.int().min(1).max(100_000).optional(),
    /** Objects as Square would answer with them; `id` is required. For what no request can make. */
    objects: z
      .array(z.looseObject({ id: z.string().min(1) }))
      .max(100_000)
      .optional(),
  })
  .refine(({ count, objects }) => (count === undefined) !== (objects === undefined), 'give either count or objects');

const mergeBody = z.strictObject({ account, ids: z.array(z.string().min(1)).min(2).max(100) });

interface ControlParts {
  readonly state: SquareState;
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly limiter: RateLimiter;
}

/** The control API of Square's records, beside the routes of `base`, some of which it extends. */
export function recordControls({ state, ledger, accounts, limiter }: ControlParts, base: ControlRoutes): ControlRoutes {
  const merchantOf = (id: string | undefined): Account => {
    const merchant = accounts.list().find((one) => id === undefined || one.id === id);
    if (!merchant) throw new ControlError(404, 'account-not-found', { message: `There is no merchant ${String(id)}.` });
    return merchant;
  };
  return {
    ...base,
    'POST /reset': (request) => {
      const { account: id } = parseInput(resetBody, request.body);
      state.reset(id ?? null);
      return baseRoute(base, 'POST /reset')(request);
    },
    'POST /seed': (request) => {
      if (isAboutAccounts(request.body)) return baseRoute(base, 'POST /seed')(request);
      const { resource, account: id, count, objects = [] } = parseInput(seedBody, request.body);
      const { id: merchant, details } = merchantOf(id);
      const locationId = details['mainLocationId'] ?? '';
      if (count === undefined) {
        state.put(
          merchant,
          resource,
          objects.map((object) => [object.id, object]),
        );
        return { json: { resource, ids: objects.map((object) => object.id) } };
      }
      const seed = SEEDS[resource];
      if (!seed) throw new ControlError(400, 'invalid-request', { message: `${resource} take objects, and no count.` });
      // These were made in the past, and so were their events.
      const ids = state.untold(() => seed({ state, merchant, locationId, count, nowMs: ledger.clock.nowMs() }));
      return { json: { resource, ids } };
    },
    'GET /state/': (request) => {
      const kind = KINDS.find((name) => name === request.rest);
      if (kind === undefined) return baseRoute(base, 'GET /state/')(request);
      const { id: merchant } = merchantOf(parseInput(accountQuery, request.query).account);
      return { json: { data: state.list(merchant, kind) } };
    },
    'POST /merge-customers': ({ body }) => {
      const { account: id, ids } = parseInput(mergeBody, body);
      const { id: merchant } = merchantOf(id);
      const profiles = ids.map((one) => {
        const profile = state.get(merchant, 'customers', one);
        if (!profile) throw new ControlError(404, 'customer-not-found', { message: `There is no customer ${one}.` });
        return profile;
      });
      return { json: mergeCustomers({ state, merchant }, profiles, ledger.clock.nowMs()) };
    },
    'POST /forget-idempotency-keys': ({ body }) => {
      const { id: merchant } = merchantOf(parseInput(resetBody, body).account);
      state.forgetAnswers(merchant);
      return { json: { data: [] } };
    },
    'GET /limits': () => ({ json: limiter.limits }),
    'POST /limits': ({ body }) => {
      limiter.limits = { ...limiter.limits, ...given(parseInput(limitsBody, body)) };
      return { json: limiter.limits };
    },
  };
}
