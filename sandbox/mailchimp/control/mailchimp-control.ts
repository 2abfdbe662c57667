import { z } from 'zod';
import { ControlError, parseInput } from '../../core/control-api.ts';
import type { ControlRoutes } from '../../core/control-api.ts';
import { account, accountQuery, resetBody } from '../../core/control-schemas.ts';
import type { Delivery } from '../../core/delivery.ts';
import { given } from '../../core/given.ts';
import { baseRoute, isAboutAccounts } from '../../oauth/base-routes.ts';
import type { AccountBook } from '../../oauth/exchange.ts';
import type { Ledger } from '../../oauth/ledger.ts';
import { shown } from '../audience/finding.ts';
import { limitsBody } from '../http/limits.ts';
import type { Connections } from '../http/limits.ts';
import { addList, KINDS, listsOf, putField, putMembers } from '../state/mailchimp-state.ts';
import type { MailchimpState, Member, Owner } from '../state/mailchimp-state.ts';
import { automationSeed, campaignSeed, putAutomations, putCampaigns } from '../reports/campaigns.ts';
import { webhooksOf } from '../audience/webhooks.ts';
import { answersTheCheck, deliver } from '../webhooks.ts';
import type { MailchimpEvent } from '../webhooks.ts';
import { actBody, carryOut } from './acts.ts';
import { memberWith, seedMembers } from './seeds.ts';

const list = z.string().optional();
const seedBody = z.union([
  z.strictObject({ resource: z.literal('members'), account, list, count: z.int().min(1).max(100_000) }),
  z.strictObject({
    resource: z.literal('members'),
    ...{ account, list },
    /** Members as Mailchimp would answer with them; what is left out is made up. */
    objects: z.array(z.looseObject({ email_address: z.string() })).max(100_000),
  }),
  z.strictObject({
    resource: z.literal('lists'),
    account,
    objects: z.array(z.strictObject({ id: z.string(), name: z.string() })),
  }),
  z.strictObject({
    resource: z.literal('merge-fields'),
    ...{ account, list },
    objects: z.array(z.looseObject({ tag: z.string(), type: z.string(), required: z.boolean().default(false) })),
  }),
  z.strictObject({ resource: z.literal('campaigns'), account, objects: z.array(campaignSeed).max(20_000) }),
  z.strictObject({ resource: z.literal('automations'), account, objects: z.array(automationSeed).max(20_000) }),
]);
/** Takes an object away without a trace. `id` of a merge field is its tag. */
const vanishBody = z.strictObject({
  resource: z.enum(['lists', 'members', 'merge-fields']),
  account,
  list,
  id: z.string(),
});
const webhooksBody = z.strictObject({ account, url: z.url({ protocol: /^https?$/ }).nullable() });
const emitBody = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  event: z.record(z.string(), z.unknown()),
  times: z.int().min(1).max(1_000).default(1),
});

interface ControlParts {
  readonly state: MailchimpState;
  readonly ledger: Ledger;
  readonly accounts: AccountBook;
  readonly connections: Connections;
}

/** The control API of Mailchimp's records, beside the routes of `base`, some of which it extends. */
export function recordControls(parts: ControlParts, base: ControlRoutes): ControlRoutes {
  const { state, connections } = parts;
  const ownerOf = (id: string | undefined) => findOwner(parts, id);
  return {
    ...base,
    ...webhookControls(ownerOf),
    'POST /reset': (request) => {
      state.reset(parseInput(resetBody, request.body).account ?? null);
      connections.reset();
      return baseRoute(base, 'POST /reset')(request);
    },
    'POST /seed': (request) =>
      isAboutAccounts(request.body)
        ? baseRoute(base, 'POST /seed')(request)
        : { json: seed(ownerOf, parseInput(seedBody, request.body)) },
    'GET /state/': (request) => {
      const kind = KINDS.find((name) => name === request.rest);
      if (kind === undefined) return baseRoute(base, 'GET /state/')(request);
      const owner = ownerOf(parseInput(accountQuery, request.query).account);
      listsOf(owner);
      const objects = state.list(owner.id, kind);
      return { json: { data: kind === 'members' ? (objects as readonly Member[]).map(shown) : objects } };
    },
    'POST /vanish': ({ body }) => {
      const { resource, account: id, list: audience, id: object } = parseInput(vanishBody, body);
      const owner = ownerOf(id);
      const key = resource === 'merge-fields' ? `${listIn(owner, audience)}/${object}` : object;
      state.delete(owner.id, resource, key);
      return { json: { data: [] } };
    },
    'GET /limits': () => ({ json: { ...connections.limits, most: connections.most } }),
    'POST /limits': ({ body }) => {
      connections.limits = { ...connections.limits, ...given(parseInput(limitsBody, body)) };
      return { json: connections.limits };
    },
  };
}

function findOwner({ state, ledger, accounts }: ControlParts, id: string | undefined): Owner {
  const found = accounts.list().find((one) => id === undefined || one.id === id);
  if (!found) throw new ControlError(404, 'account-not-found', { message: `There is no account ${String(id)}.` });
  return { state, id: found.id, name: found.name, nowMs: ledger.clock.nowMs() };
}

/** The given audience, or the account's first. */
function listIn(owner: Owner, given: string | undefined): string {
  const found = listsOf(owner).find(({ id }) => given === undefined || id === given);
  if (!found) throw new ControlError(404, 'list-not-found', { message: `There is no audience ${String(given)}.` });
  return String(found['id']);
}

function seed(ownerOf: (id: string | undefined) => Owner, order: z.output<typeof seedBody>) {
  const owner = ownerOf(order.account);
  const { resource } = order;
  if (resource === 'lists') {
    listsOf(owner);
    for (const one of order.objects) addList(owner, one);
    return { resource, ids: order.objects.map(({ id }) => id) };
  }
  if (resource === 'campaigns' || resource === 'automations') {
    if (resource === 'campaigns') putCampaigns(owner, order.objects);
    else putAutomations(owner, order.objects);
    return { resource, ids: order.objects.map(({ id }) => id) };
  }
  const audience = listIn(owner, order.list);
  if (resource === 'merge-fields') {
    for (const field of order.objects) putField(owner, audience, field);
    return { resource, ids: order.objects.map(({ tag }) => tag) };
  }
  if ('count' in order) return { resource, ids: seedMembers(owner, audience, order.count) };
  const members = order.objects.map((object) => memberWith(audience, object, owner.nowMs));
  putMembers(owner, members);
  return { resource, ids: members.map(({ contact_id: id }) => id) };
}

/** The audience's webhook, what people do that it is sent for, and any event. */
function webhookControls(ownerOf: (id: string | undefined) => Owner): ControlRoutes {
  const urls = new Map<string, string>();
  return {
    'POST /webhooks': async ({ body }) => {
      const { account: id, url } = parseInput(webhooksBody, body);
      const owner = ownerOf(id);
      if (url === null) urls.delete(owner.id);
      else if (await answersTheCheck(url)) urls.set(owner.id, url);
      else
        throw new ControlError(400, 'webhook-refused', {
          message: 'We couldn’t verify the provided webhook URL: it has to answer GET with 200.',
        });
      return { json: { url } };
    },
    'POST /acts': async ({ body }) => {
      const act = parseInput(actBody, body);
      const owner = ownerOf(act.account);
      const events = carryOut(owner, listIn(owner, act.list), act);
      const deliveries: Delivery[] = [];
      for (const event of events)
        for (const url of receiversOf(owner, { event, given: urls.get(owner.id) }))
          deliveries.push(await deliver(url, event));
      return { json: { events, deliveries } };
    },
    'POST /emit': async ({ body }) => {
      const { url, event, times } = parseInput(emitBody, body);
      const deliveries: Delivery[] = [];
      for (let sent = 0; sent < times; sent += 1) deliveries.push(await deliver(url, event));
      return { json: { event, deliveries } };
    },
  };
}

/** The address that the control API was given, and those of the audience's webhooks that ask for what people do. */
function receiversOf(
  owner: Owner,
  { event, given: url }: { readonly event: MailchimpEvent; readonly given: string | undefined },
): readonly string[] {
  const asked = webhooksOf(owner, String(event.data['list_id'])).filter(
    ({ events, sources }) => events[event.type] === true && (sources['user'] === true || sources['admin'] === true),
  );
  return [...(url === undefined ? [] : [url]), ...asked.map((webhook) => webhook.url)];
}
