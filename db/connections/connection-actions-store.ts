import { and, eq, inArray, sql } from 'drizzle-orm';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ConnectionState, Environment, OAuthFlow, ProviderId } from '../../contracts/providers.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { requireRoomForConnection } from './connection-cap.ts';
import { announceSuspension } from '../outgoing/announcements.ts';
import { connections } from '../schema/connections/connections.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

export interface NewConnecting extends ConnectionRef {
  readonly provider: ProviderId;
  readonly environment: Environment;
  readonly flow: OAuthFlow;
  /** What a person should do next. */
  readonly nextAction: string;
}

/** People's actions on a connection's state; workflows do the rest. A change and its audit row are one transaction. */
export interface ConnectionActionsStore {
  /** Throws VenueCapError when the venue may have no further connection at this moment. */
  requireRoom(venueId: VenueId): Promise<void>;
  /** A connection whose account's owner has yet to approve. Throws VenueCapError. */
  insertConnecting(connection: NewConnecting, audit?: AuditEntry): Promise<void>;
  /**
   * Suspends a connection that is `active` or `degraded`, which stops its syncs. Returns true for one that is suspended
   * already, false for any other state.
   */
  suspend(
    ref: ConnectionRef,
    why: { readonly cause: string; readonly nextAction: string },
    audit?: AuditEntry,
  ): Promise<boolean>;
  /** Resumes a suspended connection. Returns true for one that is active already, false for any other state. */
  resume(ref: ConnectionRef, audit?: AuditEntry): Promise<boolean>;
  /** Connections that wait for a person now, longest wait first. */
  listNeedingReauth(venueId: VenueId): Promise<readonly NeedingReauth[]>;
}

export interface NeedingReauth {
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly since: Date;
  readonly cause: string | null;
  readonly nextAction: string | null;
}

interface ConnectionChange {
  readonly from: readonly ConnectionState[];
  readonly state: ConnectionState;
  readonly cause: string | null;
  readonly nextAction: string | null;
  readonly audit: AuditEntry | undefined;
}

export function createConnectionActionsStore(db: Database, maxPerVenue = Infinity): ConnectionActionsStore {
  const change = (ref: ConnectionRef, { from, audit, ...to }: ConnectionChange) =>
    withVenue(db, ref.venueId, async (tx) => {
      const isHere = eq(connections.id, ref.connectionId);
      const changed = await tx
        .update(connections)
        .set({ ...to, stateSince: sql`now()`, updatedAt: sql`now()` })
        .where(and(isHere, inArray(connections.state, [...from])))
        .returning({ id: connections.id });
      if (changed.length > 0) {
        if (to.state === 'suspended') await announceSuspension(tx, ref);
        return recordWith(tx, true, () => audit ?? null);
      }
      // A duplicate of the request was first.
      const [row] = await tx.select({ state: connections.state }).from(connections).where(isHere);
      return row?.state === to.state;
    });

  return {
    requireRoom: (venueId) => withVenue(db, venueId, (tx) => requireRoomForConnection(tx, venueId, maxPerVenue)),
    insertConnecting: ({ connectionId, ...connection }, audit) =>
      withVenue(db, connection.venueId, async (tx) => {
        await requireRoomForConnection(tx, connection.venueId, maxPerVenue);
        await tx.insert(connections).values({
          ...connection,
          id: connectionId,
          state: 'connecting',
          cause: 'The account’s owner has not approved yet.',
        });
        await recordWith(tx, undefined, () => audit ?? null);
      }),
    suspend: (ref, why, audit) => change(ref, { from: ['active', 'degraded'], state: 'suspended', ...why, audit }),
    resume: (ref, audit) => change(ref, { from: ['suspended'], state: 'active', cause: null, nextAction: null, audit }),
    listNeedingReauth: (venueId) =>
      withVenue(db, venueId, (tx) => {
        const { id: connectionId, provider, stateSince: since, cause, nextAction } = connections;
        return tx
          .select({ connectionId, provider, since, cause, nextAction })
          .from(connections)
          .where(eq(connections.state, 'needs-reauth'))
          .orderBy(since, connectionId);
      }),
  };
}
