import { z } from 'zod';
import { ControlError, parseInput } from '../../core/control-api.ts';
import type { ControlRoutes } from '../../core/control-api.ts';
import { account, accountQuery, resetBody } from '../../core/control-schemas.ts';
import { given } from '../../core/given.ts';
import { baseRoute, isAboutAccounts } from '../../oauth/base-routes.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import type { Ledger } from '../../oauth/ledger.ts';
import { entomb } from '../entities/transactions.ts';
import { limitsBody } from '../http/limits.ts';
import type { Meter } from '../http/limits.ts';
import { ENTITIES, forgetIds, KINDS } from '../state/quickbooks-state.ts';
import type { Company, QuickBooksState } from '../state/quickbooks-state.ts';
import { webhookControls } from '../webhooks.ts';
import type { ChangeWebhooks } from '../webhooks.ts';
import { seed } from './seeds.ts';

const seedBody = z
  .strictObject({
    resource: z.enum([...ENTITIES, 'TaxCode']),
    account,
    count: z.int().min(1).max(100_000).optional(),
    /** Objects as QuickBooks would answer with them; `Id` is required. For what no request can make. */
    objects: z
      .array(z.looseObject({ Id: z.string().min(1) }))
      .max(100_000)
      .optional(),
  })
  .refine(({ count, objects }) => (count === undefined) !== (objects === undefined), 'give either count or objects')
  .refine(({ resource, objects }) => resource !== 'TaxCode' || objects !== undefined, 'give tax codes as objects');

const vanishBody = z.strictObject({
  resource: z.enum(ENTITIES),
  account,
  id: z.string(),
  /** The object that it is merged into. */
  into: z.string().optional(),
});

interface ControlParts {
  readonly state: QuickBooksState;
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly meter: Meter;
  readonly webhooks: ChangeWebhooks;
}

/** The control API of a company's records, beside the routes of `base`, some of which it extends. */
export function recordControls(
  { state, ledger, accounts, meter, webhooks }: ControlParts,
  base: ControlRoutes,
): ControlRoutes {
  const companyOf = (id: string | undefined): Company => {
    const found = accounts.list().find((one) => id === undefined || one.id === id);
    if (!found) throw new ControlError(404, 'account-not-found', { message: `There is no company ${String(id)}.` });
    const nowMs = ledger.clock.nowMs();
    return {
      ...{ state, id: found.id, nowMs, homeCurrency: found.details['homeCurrency'] ?? 'USD' },
      note: (change) => {
        webhooks.note({ ...change, company: found.id, atMs: nowMs });
      },
    };
  };
  return {
    ...base,
    ...webhookControls(webhooks),
    'POST /reset': (request) => {
      state.reset(parseInput(resetBody, request.body).account ?? null);
      forgetIds(state);
      meter.reset();
      return baseRoute(base, 'POST /reset')(request);
    },
    'POST /seed': (request) => {
      if (isAboutAccounts(request.body)) return baseRoute(base, 'POST /seed')(request);
      const { resource, account: id, count, objects = [] } = parseInput(seedBody, request.body);
      const company = companyOf(id);
      if (count !== undefined && resource !== 'TaxCode')
        return { json: { resource, ids: seed(company, resource, count) } };
      state.put(
        company.id,
        resource,
        objects.map((object) => [object.Id, object]),
      );
      forgetIds(state);
      return { json: { resource, ids: objects.map((object) => object.Id) } };
    },
    'GET /state/': (request) => {
      const kind = KINDS.find((name) => name === request.rest);
      if (kind === undefined) return baseRoute(base, 'GET /state/')(request);
      const { id } = companyOf(parseInput(accountQuery, request.query).account);
      return { json: { data: state.list(id, kind) } };
    },
    // Merges one customer into another, or deletes a transaction, as a person does.
    'POST /vanish': ({ body }) => {
      const { resource, account: id, id: object, into } = parseInput(vanishBody, body);
      const company = companyOf(id);
      entomb(company, resource, object);
      company.note(
        into === undefined
          ? { entity: resource, id: object, operation: 'Delete' }
          : { entity: resource, id: into, operation: 'Merge', deletedId: object },
      );
      return { json: { data: [] } };
    },
    'POST /forget-idempotency-keys': ({ body }) => {
      state.forgetAnswers(companyOf(parseInput(resetBody, body).account).id);
      return { json: { data: [] } };
    },
    'GET /metering': () => ({ json: meter.metering }),
    'GET /limits': () => ({ json: { ...meter.limits, mostAtOnce: meter.mostAtOnce } }),
    'POST /limits': ({ body }) => {
      meter.limits = { ...meter.limits, ...given(parseInput(limitsBody, body)) };
      return { json: meter.limits };
    },
  };
}
