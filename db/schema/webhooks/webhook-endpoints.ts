import { sql } from 'drizzle-orm';
import { check, index, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { WEBHOOK_REGISTRATIONS } from '../../../contracts/webhook-registration.ts';
import { bytes, instant, sealedSecret, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** The address of a connection's own that its provider sends webhooks to. */
export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey(),
    venueId: venueId(),
    /** SHA-256 of the secret end of the address, which is stored nowhere. */
    pathDigest: bytes('path_digest').notNull(),
    /** Of the address before, which is accepted until `previousPathEndsAt`. */
    previousPathDigest: bytes('previous_path_digest'),
    previousPathEndsAt: instant('previous_path_ends_at'),
    /** What the provider signs with; null when nothing is signed, or the venue has yet to enter it. */
    sealedSecrets: sealedSecret('sealed_secrets'),
    /** How far its registration with the provider is; null where the account's owner registers it. */
    registration: text('registration', { enum: WEBHOOK_REGISTRATIONS }),
    /** Why the provider did not take it. */
    registrationCode: text('registration_code'),
    /** The provider's id of what the service has registered, also of an address that has been replaced since. */
    remoteWebhookId: text('remote_webhook_id'),
    ...timestamps(),
  },
  (table) => [
    unique('webhook_endpoints_path').on(table.pathDigest),
    index('webhook_endpoints_previous_path').on(table.previousPathDigest),
    index('webhook_endpoints_venue').on(table.venueId, table.connectionId),
    venueReference('webhook_endpoints_connection_fk', [table.venueId, table.connectionId], connections),
    check('webhook_endpoints_registration', sql`${table.registration} in ('pending', 'registered', 'failed')`),
    venuePolicy('webhook_endpoints'),
  ],
);
