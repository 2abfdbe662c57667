import { and, eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { Environment, ProviderId } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type { WebhookRegistration } from '../../contracts/webhook-registration.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { webhookEndpoints } from '../schema/webhooks/webhook-endpoints.ts';

/** The address of a connection's own, without the address: that is stored nowhere. */
export interface WebhookEndpoint {
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Until when the address before is accepted. */
  readonly previousPathEndsAt: Date | null;
  readonly sealedSecrets: SealedSecret | null;
  /** Of the secret end of the address, which tells it from a later one. */
  readonly pathDigest: Uint8Array;
  /** How far its registration with the provider is; null where the account's owner registers it. */
  readonly registration: WebhookRegistration | null;
  /** Why the provider did not take it; null where it did. */
  readonly registrationCode: string | null;
  /** The provider's id of what the service has registered, also of an address that has been replaced since. */
  readonly remoteWebhookId: string | null;
}

/** Whose address a delivery was sent to. */
export interface EndpointOwner extends ConnectionRef {
  readonly account: { readonly environment: Environment; readonly externalAccountId: string };
  readonly sealedSecrets: SealedSecret | null;
}

export interface NewPath {
  readonly digest: Uint8Array;
  /** For how long the address before is accepted. */
  readonly previousHours: number;
  /** The service registers it with the provider. */
  readonly registers: boolean;
}

/** The outcome of a registration. */
export type RegistrationOutcome =
  | { readonly state: 'registered'; readonly remoteWebhookId: string }
  | { readonly state: 'failed'; readonly code: string };

export interface WebhookEndpointStore {
  find(ref: ConnectionRef): Promise<WebhookEndpoint | null>;
  /**
   * Gives the connection an address, in place of the one that it has. Null: the connection is not there, or is being
   * disconnected.
   */
  setPath(ref: ConnectionRef, path: NewPath, audit: AuditEntry): Promise<WebhookEndpoint | null>;
  /** Replaces the secrets. Null: they are not `before` any more, or there is no address. */
  replaceSecrets(
    ref: ConnectionRef,
    secrets: { readonly before: SealedSecret | null; readonly after: SealedSecret },
    audit: AuditEntry,
  ): Promise<WebhookEndpoint | null>;
  /**
   * Stores what became of the registration of the address of this digest. False: the connection has another by now, or is
   * being disconnected, or, with `onlyPending`, the registration is over.
   */
  noteRegistration(
    ref: ConnectionRef,
    address: { readonly digest: Uint8Array; readonly outcome: RegistrationOutcome; readonly onlyPending?: boolean },
    audit: AuditEntry,
  ): Promise<boolean>;
  /** Forgets what the service has registered for a connection that is being disconnected: it is removed at the provider. */
  forgetRegistration(ref: ConnectionRef, audit: AuditEntry): Promise<void>;
  /** Crosses venues: never return what it reads to a caller. Null: no connected connection has this address. */
  findOwner(provider: ProviderId, digest: Uint8Array): Promise<EndpointOwner | null>;
}

const { connectionId, createdAt, updatedAt, previousPathEndsAt, sealedSecrets, pathDigest } = webhookEndpoints;
const { registration, registrationCode, remoteWebhookId } = webhookEndpoints;
const COLUMNS = {
  ...{ createdAt, updatedAt, previousPathEndsAt, sealedSecrets, pathDigest },
  ...{ registration, registrationCode, remoteWebhookId },
};

export function createWebhookEndpointStore(db: Database): WebhookEndpointStore {
  return {
    find: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const [row] = await tx.select(COLUMNS).from(webhookEndpoints).where(eq(connectionId, ref.connectionId));
        return row ?? null;
      }),

    setPath: (ref, path, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const endpoint = (await isConnected(tx, ref)) ? await upsert(tx, ref, path) : null;
        return endpoint && recordWith(tx, endpoint, () => audit);
      }),

    replaceSecrets: (ref, { before, after }, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const [row] = await tx
          .update(webhookEndpoints)
          .set({ sealedSecrets: after, updatedAt: sql`now()` })
          .where(
            and(
              eq(connectionId, ref.connectionId),
              before === null ? sql`${sealedSecrets} is null` : eq(sealedSecrets, before),
            ),
          )
          .returning(COLUMNS);
        return row ? recordWith(tx, row, () => audit) : null;
      }),

    noteRegistration: (ref, { digest, outcome, onlyPending = false }, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        if (!(await isConnected(tx, ref))) return false;
        const [row] = await tx
          .update(webhookEndpoints)
          .set({
            registration: outcome.state,
            registrationCode: outcome.state === 'failed' ? outcome.code : null,
            ...(outcome.state === 'registered' && { remoteWebhookId: outcome.remoteWebhookId }),
            updatedAt: sql`now()`,
          })
          .where(
            and(
              eq(connectionId, ref.connectionId),
              eq(pathDigest, digest),
              onlyPending ? eq(registration, 'pending') : undefined,
            ),
          )
          .returning({ id: connectionId });
        return row ? recordWith(tx, true, () => audit) : false;
      }),

    forgetRegistration: (ref, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        await tx
          .update(webhookEndpoints)
          .set({ remoteWebhookId: null, updatedAt: sql`now()` })
          .where(eq(connectionId, ref.connectionId));
        await recordWith(tx, null, () => audit);
      }),

    // Runs without a venue scope: only the database function sees all venues.
    findOwner: (provider, digest) =>
      withReach(db, [], async (tx) => {
        const [row] = await tx.execute<{
          venue_id: ConnectionRef['venueId'];
          connection_id: ConnectionRef['connectionId'];
          environment: Environment;
          external_account_id: string;
          sealed_secrets: SealedSecret | null;
        }>(
          sql`select * from find_webhook_endpoint(${provider}, ${`\\x${Buffer.from(digest).toString('hex')}`}::text::bytea)`,
        );
        return row
          ? {
              venueId: row.venue_id,
              connectionId: row.connection_id,
              account: { environment: row.environment, externalAccountId: row.external_account_id },
              sealedSecrets: row.sealed_secrets,
            }
          : null;
      }),
  };
}

/** Locks the connection, so that a disconnection that begins meanwhile finds the address and removes it. */
async function isConnected(tx: Transaction, ref: ConnectionRef): Promise<boolean> {
  const [row] = await tx
    .select({ state: connections.state })
    .from(connections)
    .where(eq(connections.id, ref.connectionId))
    .for('share');
  return row !== undefined && !['connecting', 'disconnecting', 'disconnected'].includes(row.state);
}

async function upsert(
  tx: Transaction,
  ref: ConnectionRef,
  { digest, previousHours, registers }: NewPath,
): Promise<WebhookEndpoint | null> {
  const [row] = await tx
    .insert(webhookEndpoints)
    .values({
      ...{ connectionId: ref.connectionId, venueId: ref.venueId, pathDigest: digest },
      registration: registers ? 'pending' : null,
    })
    .onConflictDoUpdate({
      target: connectionId,
      set: {
        pathDigest: digest,
        previousPathDigest: sql`${webhookEndpoints.pathDigest}`,
        previousPathEndsAt: sql`now() + ${previousHours}::integer * interval '1 hour'`,
        registration: registers ? 'pending' : null,
        registrationCode: null,
        updatedAt: sql`now()`,
      },
    })
    .returning(COLUMNS);
  return row ?? null;
}
