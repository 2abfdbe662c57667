import { z } from 'zod';
import type { ConnectionId } from '../../contracts/ids.ts';
import type { WebhookEndpoint } from '../../db/webhooks/webhook-endpoint-store.ts';
import type { ConnectionEndpointKind } from '../../providers/kit/webhook-definition.ts';
import { WEBHOOK_REGISTRATIONS } from '../../contracts/webhook-registration.ts';
import { timestamp } from './common.ts';

const MAX_HOURS = 72;
const DEFAULT_HOURS = 24;

const keepPreviousHours = z.int().min(0).max(MAX_HOURS).default(DEFAULT_HOURS).meta({
  description: 'For how long what it replaces still counts. 0 ends it at once, for one that others have learnt.',
});

export const newEndpointBody = z.strictObject({
  keepPreviousHours,
  register: z.boolean().default(true).meta({
    description:
      'Whether the service registers the address where the provider’s API takes it. False: the account’s owner does.',
  }),
});

export const signingSecretBody = z.strictObject({
  signingSecret: z
    .string()
    .min(1)
    .max(255)
    .meta({ description: 'The secret that the provider signs with. Stored sealed, and never shown.' }),
  keepPreviousHours,
});

export const webhookEndpointAnswer = z
  .object({
    connectionId: z.uuid(),
    url: z.string().nullable().meta({
      description: 'What to register with the provider. Shown once, when it is made: it is a secret, and null later.',
    }),
    verifiedBy: z.enum(['signature', 'secret-url']).meta({
      description: '`secret-url`: the provider signs nothing, and whoever knows the URL can send events.',
    }),
    signingSecretSet: z.boolean().meta({
      description: 'Until the secret of an address that is verified by signatures is set, events to it are refused.',
    }),
    registration: z
      .object({
        state: z.enum(WEBHOOK_REGISTRATIONS).meta({
          description:
            '`pending`: being registered, for up to an hour while the provider is out of reach. `failed`: the provider did not take the address; register `url` by hand, or make another address.',
        }),
        code: z.string().nullable().meta({ description: 'Why it failed: the provider’s code, or ours.' }),
      })
      .nullable()
      .meta({ description: 'Null where the account’s owner registers the address.' }),
    previousUrlEndsAt: timestamp.nullable().meta({ description: 'Until when the URL before is accepted.' }),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'WebhookEndpoint' });

export function presentEndpoint(
  connectionId: ConnectionId,
  endpoint: WebhookEndpoint,
  { kind, url }: { readonly kind: ConnectionEndpointKind; readonly url: string | null },
): z.input<typeof webhookEndpointAnswer> {
  const { previousPathEndsAt, sealedSecrets, registration, registrationCode, createdAt, updatedAt } = endpoint;
  return {
    connectionId,
    url,
    verifiedBy: kind === 'signed' ? 'signature' : 'secret-url',
    signingSecretSet: sealedSecrets !== null,
    registration: registration && { state: registration, code: registrationCode },
    previousUrlEndsAt: previousPathEndsAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}
