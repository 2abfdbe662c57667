import { z } from 'zod';
import { ControlError, parseInput } from '../../core/control-api.ts';
import type { ControlRoutes } from '../../core/control-api.ts';
import { account, accountQuery, resetBody } from '../../core/control-schemas.ts';
import { given } from '../../core/given.ts';
import type { WebhookQueue } from '../../core/webhook-queue.ts';
import { baseRoute, isAboutAccounts } from '../../oauth/base-routes.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import type { Ledger } from '../../oauth/ledger.ts';
import { limitsBody } from '../http/limits.ts';
import type { Meter } from '../http/limits.ts';
import { dateOf, ENTITIES, ID_OF, KINDS } from '../state/xero-state.ts';
import type { Organisation, WireObject, XeroState } from '../state/xero-state.ts';
import { webhookControls } from '../webhooks.ts';
import type { XeroWebhooks } from '../webhooks.ts';
import { seed } from './seeds.ts';

const seedBody = z
  .strictObject({
    resource: z.enum(ENTITIES),
    account,
    count: z.int().min(1).max(100_000).optional(),
    /** Objects as Xero would answer with them, with their id. For what no request can make. */
    objects: z.array(z.record(z.string(), z.unknown())).max(100_000).optional(),
  })
  .refine(({ count, objects }) => (count === undefined) !== (objects === undefined), 'give either count or objects');

const vanishBody = z.strictObject({ resource: z.enum(ENTITIES), account, id: z.string() });

interface ControlParts {
  readonly state: XeroState;
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly meter: Meter;
  readonly webhooks: XeroWebhooks;
  readonly queue: WebhookQueue;
}

/** The control API of an organisation’s records, beside the routes of `base`, some of which it extends. */
export function recordControls(
  { state, ledger, accounts, meter, webhooks, queue }: ControlParts,
  base: ControlRoutes,
): ControlRoutes {
  const organisationOf = (id: string | undefined): Organisation => {
    const found = accounts.list().find((one) => id === undefined || one.id === id);
    if (!found)
      throw new ControlError(404, 'account-not-found', { message: `There is no organisation ${String(id)}.` });
    const { name, details } = found;
    return { state, id: found.id, name, baseCurrency: details['baseCurrency'] ?? 'NZD', nowMs: ledger.clock.nowMs() };
  };
  return {
    ...base,
    ...webhookControls(webhooks, queue),
    'POST /reset': (request) => {
      state.reset(parseInput(resetBody, request.body).account ?? null);
      meter.reset();
      return baseRoute(base, 'POST /reset')(request);
    },
    'POST /seed': (request) => {
      if (isAboutAccounts(request.body)) return baseRoute(base, 'POST /seed')(request);
      const { resource, account: id, count, objects = [] } = parseInput(seedBody, request.body);
      const organisation = organisationOf(id);
      // Made in the past: whoever listens now hears nothing of it.
      if (count !== undefined)
        return { json: { resource, ids: state.untold(() => seed(organisation, resource, count)) } };
      const rows = objects.map((object): readonly [string, WireObject] => [
        String(object[ID_OF[resource]]),
        { UpdatedDateUTC: dateOf(organisation.nowMs), ...object },
      ]);
      state.put(organisation.id, resource, rows);
      return { json: { resource, ids: rows.map(([key]) => key) } };
    },
    'GET /state/': (request) => {
      const kind = KINDS.find((name) => name === request.rest);
      if (kind === undefined) return baseRoute(base, 'GET /state/')(request);
      return { json: { data: state.list(organisationOf(parseInput(accountQuery, request.query).account).id, kind) } };
    },
    // A person archives a contact, deletes an item or a draft, and undoes a payment, which stays as deleted.
    'POST /vanish': ({ body }) => {
      const { resource, account: id, id: key } = parseInput(vanishBody, body);
      const organisation = organisationOf(id);
      const found = state.get(organisation.id, resource, key);
      if (found && resource === 'Items') state.delete(organisation.id, resource, key);
      else if (found) {
        const gone = resource === 'Contacts' ? { ContactStatus: 'ARCHIVED' } : { Status: 'DELETED' };
        state.put(organisation.id, resource, [
          [key, { ...found, ...gone, UpdatedDateUTC: dateOf(organisation.nowMs) }],
        ]);
      }
      return { json: { data: [] } };
    },
    'POST /forget-idempotency-keys': ({ body }) => {
      state.forgetAnswers(organisationOf(parseInput(resetBody, body).account).id);
      return { json: { data: [] } };
    },
    'GET /egress': () => ({ json: Object.fromEntries(meter.egress) }),
    'GET /limits': () => ({ json: { ...meter.limits, mostAtOnce: meter.mostAtOnce } }),
    'POST /limits': ({ body }) => {
      meter.limits = { ...meter.limits, ...given(parseInput(limitsBody, body)) };
      return { json: meter.limits };
    },
  };
}
