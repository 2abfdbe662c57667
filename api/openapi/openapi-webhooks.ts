import type { RouteConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { OUTGOING_EVENT_TYPES, SAMPLE_TYPE } from '../../contracts/outgoing-webhooks.ts';
import type { OutgoingEventType } from '../../contracts/outgoing-webhooks.ts';
import { EVENT_PAYLOADS, SAMPLE_PAYLOAD } from '../../domain/outgoing/event-payloads.ts';
import { JSON_TYPE } from '../http/body.ts';
import { timestamp } from '../schemas/common.ts';

const headers = z.object({
  'webhook-id': z.string().meta({ description: 'The same for every attempt: ignore what you have handled.' }),
  'webhook-timestamp': z.string().meta({ description: 'When this attempt was made, in seconds since 1970.' }),
  'webhook-signature': z.string().meta({
    description: '`v1,` and the signature by Standard Webhooks, one for each valid secret, parted by spaces.',
  }),
});

const RESPONSES = {
  '2XX': { description: 'Accepted. Answer within 15 seconds.' },
  410: { description: 'No more messages are wanted: the subscription is disabled.' },
  default: {
    description:
      'Sent again later, for a little over three days. `Retry-After` is respected up to an hour, with any status.',
  },
} as const;

/** The messages that subscribers are sent, in the form of the `webhooks` of an OpenAPI document. */
export function webhooks(): RouteConfig[] {
  return [
    ...OUTGOING_EVENT_TYPES.map((type) => webhook(type, EVENT_PAYLOADS[type])),
    webhook(SAMPLE_TYPE, SAMPLE_PAYLOAD),
  ];
}

function webhook(type: OutgoingEventType | typeof SAMPLE_TYPE, payload: z.ZodObject): RouteConfig {
  const { description = '' } = payload.meta() ?? {};
  const name = type
    .split(/\W/)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');
  const message = z
    .object({
      type: z.literal(type),
      timestamp: timestamp.meta({ description: 'When it happened; of a digest, when the first of its events did.' }),
      data: payload,
    })
    .meta({ id: `${name}Message` });
  return {
    method: 'post',
    path: type,
    operationId: `on${name}`,
    summary: description,
    tags: ['Subscriptions'],
    security: [],
    request: { headers, body: { required: true, content: { [JSON_TYPE]: { schema: message } } } },
    responses: RESPONSES,
  };
}
