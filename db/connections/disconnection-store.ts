import { and, eq, inArray, isNull, notInArray, sql } from 'drizzle-orm';
import type { DeletionCursor, DisconnectRequest, Revocation } from '../../contracts/connections.ts';
import { KEEP_CONNECTION_FRESH } from '../../contracts/connections.ts';
import type { ConnectionRef, RecordId } from '../../contracts/ids.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import type { RecordKinds } from '../../records/registry.ts';
import { explainDisconnection } from '../../domain/grants/disconnection.ts';
import type { AuditStore } from '../core/audit-store.ts';
import { deleteReferences } from '../records/record-references.ts';
import { columnName, tableOf } from '../records/record-tables.ts';
import { claimRuns } from '../runs/run-scope.ts';
import { authorizationExchanges } from '../schema/connections/authorization-exchanges.ts';
import { announceConnection } from '../outgoing/announcements.ts';
import { connections } from '../schema/connections/connections.ts';
import { mergeConflicts } from '../schema/records/merge-conflicts.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { reconciliationReadings } from '../schema/reconciliation/reconciliation-readings.ts';
import { reconciliations } from '../schema/reconciliation/reconciliations.ts';
import { resolveOfConnection } from '../dead-letters/rejected-records.ts';
import { syncCursors } from '../schema/runs/sync-cursors.ts';
import { unknownFields } from '../schema/connections/unknown-fields.ts';
import { syncRuns } from '../schema/runs/sync-runs.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { webhookEndpoints } from '../schema/webhooks/webhook-endpoints.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { uuidList } from '../core/rows-by-column.ts';

export interface WipeOptions {
  readonly revocation: Revocation;
  readonly records: 'keep' | 'delete';
  readonly requestedBy: string;
}

/** The steps of a disconnection. Each may be repeated. */
export interface DisconnectionStore {
  /** Kinds of record that may have been synced, in the order in which their records are deleted. */
  readonly resources: readonly string[];
  /** Where `deleteSome` starts. */
  readonly firstDeletion: DeletionCursor;
  /** From then on nothing new starts on the connection; a run that began before may still be working. */
  begin(ref: ConnectionRef, request: DisconnectRequest | null): Promise<void>;
  /** What the disconnection that is under way was asked for. Null: none is under way. */
  findRequest(ref: ConnectionRef): Promise<DisconnectRequest | null>;
  /** Closes runs and reconciliations that have no workflow left to close them. */
  closeRuns(ref: ConnectionRef): Promise<void>;
  /** Whether another connection of any venue holds a grant of the same account. */
  isShared(ref: ConnectionRef): Promise<boolean>;
  wipe(ref: ConnectionRef, options: WipeOptions): Promise<void>;
  /** Deletes up to `limit` records that only this connection brought, with their links. Null when none are left. */
  deleteSome(
    ref: ConnectionRef,
    cursor: DeletionCursor,
    limit: number,
  ): Promise<(DeletionCursor & { readonly deleted: number }) | null>;
  /** Called after the records are deleted: the connection is disconnected, and a later sync reads everything anew. */
  finish(ref: ConnectionRef, requestedBy: string): Promise<void>;
}

export function createDisconnectionStore(db: Database, audit: AuditStore, kinds: RecordKinds): DisconnectionStore {
  const isRow = ({ connectionId }: ConnectionRef) => eq(connections.id, connectionId);
  const note = (
    tx: Transaction,
    { venueId, connectionId }: ConnectionRef,
    entry: { readonly action: string; readonly actor: string; readonly details?: Readonly<Record<string, string>> },
  ) =>
    audit.recordIn(tx, {
      venueId,
      targetType: 'connection',
      targetId: connectionId,
      outcome: 'ok',
      requestId: null,
      ...entry,
    });
  return {
    resources: kinds.names,
    firstDeletion: { resource: kinds.names[0] ?? '', after: null },

    begin: (ref, request) =>
      withVenue(db, ref.venueId, async (tx) => {
        // The account of a connection that was never approved is unknown, so there is nothing to disconnect from.
        const next = sql<
          'disconnecting' | 'disconnected'
        >`case when ${connections.externalAccountId} is null then 'disconnected' else 'disconnecting' end`;
        await tx
          .update(connections)
          .set({
            state: next,
            disconnectRequest: request,
            cause: 'It is being disconnected.',
            nextAction: null,
            scheduledResources: [],
            liveSchedules: [],
            stateSince: sql`now()`,
            updatedAt: sql`now()`,
          })
          .where(and(isRow(ref), notInArray(connections.state, ['disconnecting', 'disconnected'])));
      }),

    findRequest: (ref) => withVenue(db, ref.venueId, (tx) => findRequest(tx, ref)),

    closeRuns: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const isOpen = sql`connection_id = ${ref.connectionId} and finished_at is null`;
        await claimRuns(tx, isOpen);
        await tx
          .update(syncRuns)
          .set({
            phase: 'finished',
            outcome: 'cancelled',
            waitingFor: null,
            awaiting: null,
            ...{ finishedAt: sql`now()`, updatedAt: sql`now()` },
          })
          .where(isOpen);
        await closeReconciliations(tx, ref);
      }),

    isShared: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const [row] = await tx.execute<{ shared: boolean }>(
          sql`select provider_account_is_shared(${ref.connectionId}) as shared`,
        );
        return row?.shared ?? false;
      }),

    wipe: (ref, { revocation, records, requestedBy }) =>
      withVenue(db, ref.venueId, async (tx) => {
        // Lock the grant before its connection, in the same order as a refresh, to avoid deadlocks.
        const tokens = await tx
          .delete(oauthTokens)
          .where(eq(oauthTokens.connectionId, ref.connectionId))
          .returning({ id: oauthTokens.connectionId });
        const keys = await tx
          .delete(venueApiKeys)
          .where(eq(venueApiKeys.connectionId, ref.connectionId))
          .returning({ id: venueApiKeys.connectionId });
        await tx.delete(webhookEndpoints).where(eq(webhookEndpoints.connectionId, ref.connectionId));
        await tx.delete(authorizationExchanges).where(eq(authorizationExchanges.connectionId, ref.connectionId));
        const before = await tx.select({ state: connections.state }).from(connections).where(isRow(ref)).for('update');
        const again = before[0]?.state === 'disconnected';
        await tx
          .update(connections)
          .set({
            ...(!again && explainDisconnection(revocation, { hadKey: keys.length > 0 })),
            ...(records === 'keep' && !again && { state: 'disconnected', stateSince: sql`now()` }),
            ...{ expiresAt: null, nextRefreshAt: null },
            ...{ listedAccounts: null, accountsListedAt: null, chosenAccounts: null },
            updatedAt: sql`now()`,
          })
          .where(isRow(ref));
        if (!again && records === 'keep') await announceConnection(tx, ref, 'connection.disconnected');
        if (!again || tokens.length + keys.length > 0)
          await note(tx, ref, {
            action: 'connection.disconnected',
            actor: requestedBy,
            details: { revocation, records },
          });
      }),

    deleteSome: (ref, cursor, limit) =>
      withVenue(db, ref.venueId, (tx) => deleteSome(tx, ref, { ...cursor, limit, kinds })),

    finish: (ref, requestedBy) =>
      withVenue(db, ref.venueId, async (tx) => {
        await deleteBeside(tx, ref);
        const ended = await tx
          .update(connections)
          .set({ state: 'disconnected', stateSince: sql`now()`, updatedAt: sql`now()` })
          .where(and(isRow(ref), eq(connections.state, 'disconnecting')))
          .returning({ id: connections.id });
        if (ended.length > 0) await announceConnection(tx, ref, 'connection.disconnected');
        await note(tx, ref, { action: 'connection.records-deleted', actor: requestedBy });
      }),
  };
}

async function findRequest(tx: Transaction, { connectionId }: ConnectionRef): Promise<DisconnectRequest | null> {
  const [row] = await tx
    .select({ request: connections.disconnectRequest })
    .from(connections)
    .where(and(eq(connections.id, connectionId), eq(connections.state, 'disconnecting')));
  // One that an earlier version began has left none.
  return row ? (row.request ?? { records: 'keep', requestedBy: KEEP_CONNECTION_FRESH }) : null;
}

async function closeReconciliations(tx: Transaction, { connectionId }: ConnectionRef): Promise<void> {
  const closed = await tx
    .update(reconciliations)
    .set({ phase: 'finished', outcome: 'cancelled', waitingFor: null, finishedAt: sql`now()`, updatedAt: sql`now()` })
    .where(and(eq(reconciliations.connectionId, connectionId), isNull(reconciliations.finishedAt)))
    .returning({ id: reconciliations.id });
  const ids = closed.map(({ id }) => id);
  if (ids.length > 0)
    await tx.delete(reconciliationReadings).where(inArray(reconciliationReadings.reconciliationId, ids));
}

interface DeletionStep extends DeletionCursor {
  readonly limit: number;
  readonly kinds: RecordKinds;
}

async function deleteSome(
  tx: Transaction,
  ref: ConnectionRef,
  { resource, after, limit, kinds }: DeletionStep,
): Promise<(DeletionCursor & { readonly deleted: number }) | null> {
  const candidates = await lockBrought(tx, ref, { resource, after, limit, kinds });
  const last = candidates.at(-1);
  if (!last) {
    const next = kinds.names[kinds.names.indexOf(resource) + 1];
    return next !== undefined ? { resource: next, after: null, deleted: 0 } : null;
  }
  // A separate statement, so that it sees a link that another connection's run created before the lock was taken.
  const deleted = await tx.execute<{ id: RecordId }>(sql`
    select c.id from ${tableOf(kinds.get(resource))} c where c.id = any (${uuidList(candidates)})
      and not exists (select from record_links o where o.record_id = c.id and o.connection_id <> ${ref.connectionId})`);
  const ids = deleted.map(({ id }) => id);
  await emptyNames(tx, kinds.get(resource), ids);
  await tx.execute(sql`delete from ${tableOf(kinds.get(resource))} c where c.id = any (${uuidList(ids)})`);
  await tx.execute(
    sql`delete from record_links where record_id = any (${uuidList(ids)}) and connection_id = ${ref.connectionId}`,
  );
  for (const table of [sql`agreed_records`, sql`merge_conflicts`, sql`dead_letters`])
    await tx.execute(
      sql`delete from ${table} where record_id in (select jsonb_array_elements_text(${JSON.stringify(ids)}::jsonb)::uuid) and connection_id = ${ref.connectionId}`,
    );
  await deleteReferences(tx, ids);
  return { resource, after: last, deleted: deleted.length };
}

/** What is left of the connection beside its records. */
async function deleteBeside(tx: Transaction, ref: ConnectionRef): Promise<void> {
  await tx.delete(syncCursors).where(eq(syncCursors.connectionId, ref.connectionId));
  await resolveOfConnection(tx, ref);
  await tx.delete(unknownFields).where(eq(unknownFields.connectionId, ref.connectionId));
  // Of the venue's own records, which stay: a conflict holds what the provider has.
  await tx.delete(mergeConflicts).where(eq(mergeConflicts.connectionId, ref.connectionId));
}

/** Empties what names the records by our ids, which are about to be deleted: for the venue a change like any other, and not one to push. */
async function emptyNames(tx: Transaction, kind: RecordKind, ids: readonly RecordId[]): Promise<void> {
  for (const [field, { value }] of Object.entries(kind.fields)) {
    if (value.type !== 'record-id' || value.of !== kind.name) continue;
    const column = sql.identifier(columnName(field));
    await tx.execute(sql`
      with emptied as (
        update ${tableOf(kind)} t set ${column} = null, version = t.version + 1, updated_at = now()
        where t.${column} = any (${uuidList(ids)})
        returning t.id, t.version)
      update record_links l set record_version = emptied.version from emptied
      where l.resource = ${kind.name} and l.record_id = emptied.id and l.record_version = emptied.version - 1`);
  }
}

/**
 * Locks the records that a pull of this connection created. What the venue loaded itself stays, even if it was written
 * to the provider.
 */
async function lockBrought(
  tx: Transaction,
  { connectionId }: ConnectionRef,
  { resource, after, limit, kinds }: DeletionStep,
): Promise<readonly RecordId[]> {
  const rows = await tx.execute<{ id: RecordId }>(sql`
    select c.id from record_links l
    join ${tableOf(kinds.get(resource))} c on c.id = l.record_id
    where l.connection_id = ${connectionId} and l.resource = ${resource} and l.write_attempt >= 0 and l.brought
      ${after === null ? sql`` : sql`and l.record_id > ${after}`}
    order by l.record_id limit ${limit} for update of c`);
  return rows.map(({ id }) => id);
}
