import { z } from 'zod';
import { Secret } from '../../vault/secret.ts';
import { ProviderError } from '../provider-error.ts';
import type { WebhookRegistrar } from '../provider.ts';
import { MEMBER_EVENTS } from './event-changes.ts';
import { nullWhenMissing } from './http/ask.ts';
import type { Ask } from './http/ask.ts';
import type { Audience } from './http/audience.ts';

const webhookSchema = z.object({ id: z.string().min(1), url: z.string() });
const webhooksSchema = z.object({ webhooks: z.array(webhookSchema) });

const EVENTS = { ...Object.fromEntries(MEMBER_EVENTS.map((event) => [event, true])), campaign: false };
/** What people do at Mailchimp. Changes through the API include our own, which would come back as events. */
const SOURCES = { user: true, admin: true, api: false } as const;

/**
 * Webhooks of an audience (https://mailchimp.com/developer/marketing/api/list-webhooks/, read 2026-11-29). Mailchimp
 * asks for a new address with GET, and takes each address once.
 */
export function createWebhookRegistrar(ask: Ask, audience: Audience): WebhookRegistrar {
  async function find(isIt: (url: Secret) => boolean): Promise<string | null> {
    const [list, path] = [await audience.id(), await audience.path('webhooks')];
    const { webhooks } = await ask(webhooksSchema, { method: 'GET', path });
    const known = webhooks.find((webhook) => isIt(new Secret(webhook.url)));
    return known ? `${list}/${known.id}` : null;
  }

  return {
    find,

    async register(url) {
      const address = url.expose();
      const known = await find((registered) => registered.expose() === address);
      if (known !== null) return known;
      const [list, path] = [await audience.id(), await audience.path('webhooks')];
      const body = { url: address, events: EVENTS, sources: SOURCES };
      const { id } = await ofAddressAlone(ask(webhookSchema, { method: 'POST', path, body }));
      return `${list}/${id}`;
    },

    async addressOf(id) {
      const found = await nullWhenMissing(ask(webhookSchema, { method: 'GET', path: pathOf(id) }));
      return found && new Secret(found.url);
    },

    async remove(id) {
      await nullWhenMissing(ask.done({ method: 'DELETE', path: pathOf(id) }));
    },
  };
}

function pathOf(id: string): string {
  const [list = '', webhook = ''] = id.split('/');
  return ['lists', list, 'webhooks', webhook].map(encodeURIComponent).join('/');
}

/** A user who may only look can register nothing, and still pull: that concerns the address, and not the access. */
async function ofAddressAlone<T>(registration: Promise<T>): Promise<T> {
  try {
    return await registration;
  } catch (error) {
    if (!(error instanceof ProviderError) || error.details.httpStatus !== 403 || error.details.kind !== 'needs-reauth')
      throw error;
    throw new ProviderError({ ...error.details, kind: 'rejected', code: 'not-permitted' });
  }
}
