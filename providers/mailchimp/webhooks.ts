import { z } from 'zod';
import { changedBy, eventTypeSchema } from '../kit/webhook-definition.ts';
import type { WebhookDefinition } from '../kit/webhook-definition.ts';
import { mailchimpChangesIn, MEMBER_EVENTS } from './event-changes.ts';
import type { MailchimpSettings } from './settings.ts';

const eventSchema = z.object({ type: eventTypeSchema });

/**
 * Nothing is signed: the address of an audience's webhook is the secret. Mailchimp asks for it with GET before it
 * accepts it, and sends forms (https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/, read
 * 2026-11-28).
 */
export const mailchimpWebhooks: WebhookDefinition<MailchimpSettings> = {
  secrets: null,
  connectionEndpoint: 'secret-path',
  registers: true,
  encoding: 'form',
  handshake: ({ method }) => (method === 'GET' ? { status: 200, body: '' } : null),
  // An event has no id: a hash of its body is its key. A hash of its type, time and member would take two changes of
  // one second for one.
  identify: (event) => {
    const { data } = eventSchema.safeParse(event);
    return data ? { id: null, type: data.type, account: null } : null;
  },
  events: changedBy(MEMBER_EVENTS),
  changesIn: mailchimpChangesIn,
};
