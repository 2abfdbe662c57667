import { and, eq, exists, sql } from 'drizzle-orm';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { AuditStore } from '../core/audit-store.ts';
import type { NewApiKeyConnection } from './connection-store.ts';
import { connections } from '../schema/connections/connections.ts';
import { migratedConnections } from '../schema/connections/migrated-connections.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { venues } from '../schema/venues.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

export interface RollbackOutcome {
  readonly removed: number;
  /** Connections left alone because a sync has used them or their key was entered anew. */
  readonly inUse: number;
}

/** Operators' commands on stored secrets: import a predecessor's, undo that, and destroy a venue's. */
export interface MigratedConnectionStore {
  /** The venue with this id or, failing that, this source id. */
  findVenue(idOrSourceId: string): Promise<VenueId | null>;
  /**
   * Adds a connection with its key. Returns false and writes nothing when the venue has connected the account already.
   */
  add(connection: NewApiKeyConnection, batch: string): Promise<boolean>;
  /** Removes the batch's connections that nobody has used yet. */
  rollBack(batch: string): Promise<RollbackOutcome>;
  /** Makes the batch's connections ordinary ones. Returns how many there were. */
  confirm(batch: string): Promise<number>;
  /**
   * Deletes every sealed secret of the venue and marks its connections as disconnected. Returns the number of secrets.
   */
  shred(venueId: VenueId, actor: string): Promise<number>;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function createMigratedConnectionStore(db: Database, audit: AuditStore): MigratedConnectionStore {
  async function inEveryVenue<T>(work: (tx: Transaction, venueId: VenueId) => Promise<T>): Promise<T[]> {
    const ids = await withReach(db, '*', (tx) => tx.select({ id: venues.id }).from(venues));
    const results: T[] = [];
    for (const { id } of ids) results.push(await withVenue(db, id, (tx) => work(tx, id)));
    return results;
  }
  const note = (
    tx: Transaction,
    venueId: VenueId,
    entry: {
      readonly action: string;
      readonly targetType: string;
      readonly targetId: string;
      readonly actor?: string;
      readonly batch?: string;
    },
  ) =>
    audit.recordIn(tx, {
      venueId,
      actor: entry.actor ?? 'migrate-secrets',
      action: entry.action,
      targetType: entry.targetType,
      targetId: entry.targetId,
      outcome: 'ok',
      requestId: null,
      ...(entry.batch !== undefined && { details: { batch: entry.batch } }),
    });
  return {
    findVenue: (name) =>
      withReach(db, '*', async (tx) => {
        const [row] = await tx
          .select({ id: venues.id })
          .from(venues)
          .where(UUID.test(name) ? eq(venues.id, name.toLowerCase() as VenueId) : eq(venues.sourceId, name));
        return row?.id ?? null;
      }),

    add: (connection, batch) =>
      withVenue(db, connection.venueId, async (tx) => {
        const { connectionId, venueId } = connection;
        if (!(await insertConnection(tx, connection))) return false;
        await tx.insert(venueApiKeys).values({ connectionId, venueId, sealedKey: connection.sealedKey });
        await tx.insert(migratedConnections).values({ connectionId, venueId, batch });
        await note(tx, venueId, {
          action: 'connection.migrated',
          targetType: 'connection',
          targetId: connectionId,
          batch,
        });
        return true;
      }),

    async rollBack(batch) {
      const outcomes = await inEveryVenue(async (tx, venueId) => {
        const removed = await removeUnused(tx, batch);
        for (const targetId of removed)
          await note(tx, venueId, {
            action: 'connection.migration-taken-back',
            targetType: 'connection',
            targetId,
            batch,
          });
        return {
          removed: removed.length,
          inUse: await tx.$count(migratedConnections, eq(migratedConnections.batch, batch)),
        };
      });
      return outcomes.reduce(
        (sum, { removed, inUse }) => ({ removed: sum.removed + removed, inUse: sum.inUse + inUse }),
        { removed: 0, inUse: 0 },
      );
    },

    async confirm(batch) {
      const confirmed = await inEveryVenue((tx) =>
        tx
          .delete(migratedConnections)
          .where(eq(migratedConnections.batch, batch))
          .returning({ id: migratedConnections.connectionId }),
      );
      return confirmed.flat().length;
    },

    shred: (venueId, actor) =>
      withVenue(db, venueId, async (tx) => {
        const keys = await tx.delete(venueApiKeys).returning({ id: venueApiKeys.connectionId });
        const tokens = await tx.delete(oauthTokens).returning({ id: oauthTokens.connectionId });
        await tx.update(connections).set({
          state: 'disconnected',
          cause: 'The credentials were destroyed.',
          nextAction: null,
          stateSince: sql`now()`,
          updatedAt: sql`now()`,
        });
        await note(tx, venueId, {
          action: 'venue.credentials-destroyed',
          targetType: 'venue',
          targetId: venueId,
          actor,
        });
        return keys.length + tokens.length;
      }),
  };
}

async function insertConnection(
  tx: Transaction,
  { connectionId, venueId, provider, environment, account, scopes }: NewApiKeyConnection,
): Promise<boolean> {
  const active = { state: 'active', cause: null, nextAction: null } as const;
  const added = await tx
    .insert(connections)
    .values({
      ...active,
      id: connectionId,
      venueId,
      provider,
      environment,
      externalAccountId: account.id,
      accountName: account.name,
      scopes,
    })
    .onConflictDoNothing()
    .returning({ id: connections.id });
  return added.length === 1;
}

async function removeUnused(tx: Transaction, batch: string): Promise<ConnectionId[]> {
  const ofBatch = tx
    .select({ one: sql`1` })
    .from(migratedConnections)
    .where(and(eq(migratedConnections.connectionId, connections.id), eq(migratedConnections.batch, batch)));
  const asMigrated = tx
    .select({ one: sql`1` })
    .from(venueApiKeys)
    .where(and(eq(venueApiKeys.connectionId, connections.id), eq(venueApiKeys.generation, 1)));
  const used = tx
    .select({ one: sql`1` })
    .from(syncRuns)
    .where(eq(syncRuns.connectionId, connections.id));
  const removed = await tx
    .delete(connections)
    .where(and(exists(ofBatch), exists(asMigrated), sql`not exists ${used}`))
    .returning({ id: connections.id });
  return removed.map(({ id }) => id);
}
