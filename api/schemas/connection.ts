import { z } from 'zod';
import { CONNECTION_STATES, ENVIRONMENTS, PROVIDERS } from '../../contracts/providers.ts';
import type { Connection } from '../../db/connection-store.ts';
import { Secret } from '../../vault/secret.ts';
import { timestamp } from './common.ts';

const secretKey = z
  .string()
  .min(1)
  .max(500)
  .regex(/^[\x21-\x7e]*$/, 'Must be printable ASCII without spaces')
  // Wrapped at once: from here on nothing can print it.
  .transform((key) => new Secret(key));

export const newConnectionBody = z
  .strictObject({
    provider: z.enum(PROVIDERS),
    environment: z.enum(ENVIRONMENTS).meta({ description: 'The provider’s test mode, or the one that moves money.' }),
    credentials: z.strictObject({ secretKey: secretKey.meta({ description: 'The provider’s secret key. Tested, sealed, and never shown again.', format: 'password' }) }),
  })
  .meta({ id: 'NewConnection' });

export const connectionAnswer = z
  .object({
    id: z.uuid(),
    venueId: z.uuid(),
    provider: z.enum(PROVIDERS),
    environment: z.enum(ENVIRONMENTS),
    state: z.enum(CONNECTION_STATES),
    cause: z.string().nullable().meta({ description: 'Why the connection is not simply active.' }),
    since: timestamp.meta({ description: 'Since when it is in this state.' }),
    nextAction: z.string().nullable().meta({ description: 'What a person should do next.' }),
    account: z.object({ id: z.string(), name: z.string().nullable() }).meta({ description: 'The account at the provider.' }),
    scopes: z.array(z.string()),
    expiresAt: timestamp.nullable(),
    nextRefreshAt: timestamp.nullable(),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Connection' });

export function presentConnection(connection: Connection): z.input<typeof connectionAnswer> {
  return {
    id: connection.id,
    venueId: connection.venueId,
    provider: connection.provider,
    environment: connection.environment,
    state: connection.state,
    cause: connection.cause,
    since: connection.since.toISOString(),
    nextAction: connection.nextAction,
    account: { id: connection.account.id, name: connection.account.name },
    scopes: [...connection.scopes],
    expiresAt: connection.expiresAt?.toISOString() ?? null,
    nextRefreshAt: connection.nextRefreshAt?.toISOString() ?? null,
    createdAt: connection.createdAt.toISOString(),
    updatedAt: connection.updatedAt.toISOString(),
  };
}
