import { randomBytes } from 'node:crypto';
import type { Reply, Visit } from '../../oauth/exchange.ts';
import { jsonOf } from '../../oauth/exchange.ts';
import { problem } from '../errors.ts';
import { bodyOf, invalidResource, notFound } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import type { Owner, WireObject } from '../state/mailchimp-state.ts';
import { answersTheCheck } from '../webhooks.ts';

/** A webhook of an audience as the state has it. */
export interface AudienceWebhook extends WireObject {
  readonly id: string;
  readonly url: string;
  readonly events: Readonly<Record<string, unknown>>;
  readonly sources: Readonly<Record<string, unknown>>;
  readonly list_id: string;
}

const EVENTS = ['subscribe', 'unsubscribe', 'profile', 'cleaned', 'upemail', 'campaign'];
const SOURCES = ['user', 'admin', 'api'];

export const webhooksOf = ({ state, id }: Owner, list: string): readonly AudienceWebhook[] =>
  (state.list(id, 'webhooks') as readonly AudienceWebhook[]).filter(({ list_id }) => list_id === list);

/** https://mailchimp.com/developer/marketing/api/list-webhooks/ (2026-11). */
export const WEBHOOK_ENDPOINTS: readonly Endpoint[] = [
  {
    method: 'GET',
    path: /^\/[^/]+\/webhooks$/,
    run({ owner, list }) {
      const webhooks = webhooksOf(owner, list);
      return { webhooks, list_id: list, total_items: webhooks.length };
    },
  },
  {
    method: 'POST',
    path: /^\/[^/]+\/webhooks$/,
    run(request) {
      const { owner, list } = request;
      const { url, events, sources } = bodyOf(request);
      if (webhooksOf(owner, list).some((known) => known.url === url))
        throw invalidUrl("Sorry, you can't set up multiple WebHooks for one URL");
      const webhook: AudienceWebhook = {
        id: randomBytes(5).toString('hex'),
        url: String(url),
        events: flagsOf(EVENTS, events),
        sources: flagsOf(SOURCES, sources),
        list_id: list,
      };
      owner.state.put(owner.id, 'webhooks', [[webhook.id, webhook]]);
      return webhook;
    },
  },
  {
    method: 'GET',
    path: /^\/[^/]+\/webhooks\/[^/]+$/,
    run({ owner, list, rest: [, id = ''] }) {
      const found = webhooksOf(owner, list).find((known) => known.id === id);
      if (!found) throw notFound();
      return found;
    },
  },
  {
    method: 'DELETE',
    path: /^\/[^/]+\/webhooks\/[^/]+$/,
    run({ owner, list, rest: [, id = ''] }) {
      if (!webhooksOf(owner, list).some((known) => known.id === id)) throw notFound();
      owner.state.delete(owner.id, 'webhooks', id);
      return null;
    },
  },
];

const invalidUrl = (message: string) =>
  invalidResource(
    "The resource submitted could not be validated. For field-specific details, see the 'errors' array.",
    [{ field: 'url', message }],
  );

const flagsOf = (names: readonly string[], given: unknown): Readonly<Record<string, boolean>> =>
  Object.fromEntries(names.map((name) => [name, (given as Readonly<Record<string, unknown>> | null)?.[name] === true]));

/**
 * Asks for the address of a new webhook with GET, as Mailchimp does before it takes it
 * (https://github.com/mailchimp/mailchimp-client-lib-codegen/issues/11, 2026-11). Null: it may be taken.
 */
export async function refusalOfAddress(visit: Visit): Promise<Reply | null> {
  if (visit.method !== 'POST' || !/^\/3\.0\/lists\/[^/]+\/webhooks$/.test(visit.path)) return null;
  const url = jsonOf(visit)?.['url'];
  if (typeof url === 'string' && (await answersTheCheck(url))) return null;
  return problem(
    400,
    "The resource submitted could not be validated. For field-specific details, see the 'errors' array.",
    {
      title: 'Invalid Resource',
      errors: [
        {
          field: 'url',
          message: "We couldn't verify the URL is working. Please double check and try again. HTTP Code: 404",
        },
      ],
    },
  );
}
