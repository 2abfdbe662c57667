import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { accountIdSchema, eventIdOf, eventTypeSchema } from '../../../providers/kit/webhook-definition.ts';
import type { WebhookDefinition } from '../../../providers/kit/webhook-definition.ts';
import type { CornerDeskSettings } from './settings.ts';

const eventSchema = z.object({ id: z.string(), type: eventTypeSchema, desk: accountIdSchema.optional() });

export const cornerDeskWebhooks: WebhookDefinition<CornerDeskSettings> = {
  secrets: 'webhookKey',
  // Asks for a challenge back before it sends the first event.
  handshake({ method, query }) {
    const challenge = query.get('challenge');
    return method === 'GET' && challenge !== null && /^\w{1,64}$/.test(challenge)
      ? { status: 200, body: challenge }
      : null;
  },
  signature: {
    isSigned: (header) => /^[0-9a-f]{64}$/.test(header('desk-signature') ?? ''),
    verify({ body, header }, secret) {
      const expected = createHmac('sha256', secret.expose()).update(body).digest();
      return timingSafeEqual(Buffer.from(header('desk-signature') ?? '', 'hex'), expected);
    },
  },
  identify(event) {
    const { data } = eventSchema.safeParse(event);
    if (!data) return null;
    const { id, type, desk } = data;
    return {
      id: eventIdOf(id),
      type,
      account: desk === undefined ? null : { environment: 'sandbox', externalAccountId: desk },
    };
  },
  events: { 'desk.closed': 'revoked' },
};
