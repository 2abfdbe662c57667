import { and, eq, inArray, sql } from 'drizzle-orm';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ConnectionState, Environment, OAuthFlow } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type { ForecastGrant } from '../../domain/grants/grant-forecast.ts';
import type { GrantTimes } from '../../domain/grants/grant-timing.ts';
import type { AuditEntry, AuditStore } from '../core/audit-store.ts';
import { announceConnection } from '../outgoing/announcements.ts';
import { connections } from '../schema/connections/connections.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** A stored grant. All times are by the database's clock. */
export interface StoredGrant extends GrantTimes {
  readonly sealedTokens: SealedSecret;
  /** Grows with every refresh and every approval. Key rotation does not change it. */
  readonly generation: number;
  /** The workflow id of the attempt that brought it; null for a grant stored before attempts were recorded. */
  readonly authorizedBy: string | null;
  readonly obtainedAt: Date;
  /** When a refresh of this generation began whose answer was not stored. */
  readonly refreshSentAt: Date | null;
}

/** A grant with its connection, read at one moment. */
export interface ConnectedGrant extends StoredGrant {
  readonly state: ConnectionState;
  readonly environment: Environment;
  readonly externalAccountId: string;
  readonly flow: OAuthFlow;
  readonly refreshAt: Date | null;
  /** The database's clock. */
  readonly now: Date;
}

export interface NewGrant extends GrantTimes {
  readonly flow: OAuthFlow;
  readonly sealedTokens: SealedSecret;
  readonly scopes: readonly string[];
  readonly obtainedAt: Date;
  /** When it is to be refreshed; null for never. */
  readonly refreshAt: Date | null;
}

/** A grant of one generation. */
export interface GrantRef extends ConnectionRef {
  readonly generation: number;
}

/** A grant that the account owner has just approved. */
export interface ApprovedGrant extends NewGrant {
  /** The workflow id of the attempt that brought it. */
  readonly authorizedBy: string;
}

/** What a connection shows when its grant is dead. */
export interface DeadGrant {
  readonly cause: string;
  readonly nextAction: string;
}

/** A grant of one generation and one approval, because disconnecting and reconnecting starts the generations again. */
export interface ApprovedGrantRef extends GrantRef, Pick<StoredGrant, 'authorizedBy'> {}

/** The right to refresh a grant for a limited time. Each lease has a higher fence than the one before. */
export interface RefreshLease extends ApprovedGrantRef {
  readonly fence: number;
}

export type LeaseAttempt =
  | {
      readonly outcome: 'taken';
      readonly lease: RefreshLease;
      readonly grant: ConnectedGrant;
      /** The answer to an earlier refresh of this generation was never stored, so its refresh token may be used up. */
      readonly earlierUnanswered: boolean;
    }
  /** Another holder has it, for at most this long. */
  | { readonly outcome: 'held'; readonly forMs: number }
  /** The grant has another generation by now, or is gone. */
  | { readonly outcome: 'moved' };

export type StoringOutcome =
  /** `late`: another holder had the lease meanwhile and stored nothing. */
  | { readonly outcome: 'stored'; readonly grant: ConnectedGrant; readonly late: boolean }
  | Exclude<LeaseAttempt, { readonly outcome: 'taken' }>;

export interface OAuthTokenStore {
  /** Null when there is no such connection or it has no grant. */
  find(ref: ConnectionRef): Promise<ConnectedGrant | null>;
  /** How far the database's clock is ahead of this process's, to a few milliseconds. */
  clockAheadMs(): Promise<number>;
  /**
   * Replaces the connection's earlier grant, or takes the place of its key, and updates what the connection shows of
   * it. The generation is higher than the replaced one's. A key is not deleted here.
   */
  replaceIn(tx: Transaction, ref: ConnectionRef, grant: ApprovedGrant): Promise<void>;
  /**
   * Takes the right to refresh the grant, and records that a refresh of this generation begins. No transaction stays
   * open: the lease ends when a result is stored, with `releaseRefresh`, or by itself after `lengthMs`, even when its
   * holder has died.
   */
  takeRefreshLease(
    grant: ApprovedGrantRef,
    by: { readonly holder: string; readonly lengthMs: number },
  ): Promise<LeaseAttempt>;
  /**
   * Stores the result of a refresh and ends its lease. Refused while another holder has the lease, and when a newer
   * grant is stored. A holder that was slower than its lease may still store, because its answer is all that is left of
   * the grant until the next holder stores one.
   */
  storeRefreshed(lease: RefreshLease, grant: NewGrant, entry: AuditEntry): Promise<StoringOutcome>;
  /**
   * Marks the grant as dead after the provider refused it, and ends the lease. Returns false and changes nothing when
   * the lease was lost.
   */
  giveUpRefresh(lease: RefreshLease, dead: DeadGrant, entry: AuditEntry): Promise<boolean>;
  /**
   * Ends a lease without a new grant. `unsent`: the refresh token was certainly not used. Does nothing when the lease
   * was lost.
   */
  releaseRefresh(lease: RefreshLease, how: { readonly unsent: boolean }): Promise<void>;
  /** Marks the grant of this generation as dead. Returns false when there is a newer one. */
  markDead(grant: GrantRef, dead: DeadGrant, entry: AuditEntry): Promise<boolean>;
  /** Every grant of the venue that is usable now or after a refresh. */
  listForForecast(venueId: VenueId): Promise<readonly ForecastGrant[]>;
}

const LIVING = ['active', 'degraded', 'suspended'] as const satisfies readonly ConnectionState[];

export function createOAuthTokenStore({
  db,
  audit,
}: {
  readonly db: Database;
  readonly audit: AuditStore;
}): OAuthTokenStore {
  return {
    find: (ref) => withVenue(db, ref.venueId, (tx) => read(tx, ref)),
    replaceIn,

    async clockAheadMs() {
      const askedMs = Date.now();
      const [row] = await db.$client<{ now: number }[]>`select extract(epoch from clock_timestamp()) * 1000 as now`;
      return Math.round(Number(row?.now) - (askedMs + Date.now()) / 2);
    },

    takeRefreshLease: (grant, by) => withVenue(db, grant.venueId, (tx) => takeLease(tx, grant, by)),
    storeRefreshed: (lease, grant, entry) =>
      withVenue(db, lease.venueId, (tx) =>
        storeRefreshed(tx, lease, { grant, record: () => audit.recordIn(tx, entry) }),
      ),

    giveUpRefresh: (lease, dead, entry) =>
      withVenue(db, lease.venueId, async (tx) => {
        if (!(await endLease(tx, lease, {}))) return false;
        await giveUp(tx, lease, dead);
        await audit.recordIn(tx, entry);
        return true;
      }),

    releaseRefresh: (lease, { unsent }) =>
      withVenue(db, lease.venueId, async (tx) => {
        await endLease(tx, lease, unsent ? { refreshSentAt: null } : {});
      }),

    markDead: (grant, dead, entry) =>
      withVenue(db, grant.venueId, async (tx) => {
        const [same] = await tx
          .select({ one: sql`1` })
          .from(oauthTokens)
          .where(isSame(grant))
          .for('update');
        if (!same) return false;
        if (await giveUp(tx, grant, dead)) await audit.recordIn(tx, entry);
        return true;
      }),

    listForForecast: (venueId) => withVenue(db, venueId, listForForecast),
  };
}

const isSame = ({ connectionId, generation }: GrantRef) =>
  and(eq(oauthTokens.connectionId, connectionId), eq(oauthTokens.generation, generation));

const isApproved = (grant: ApprovedGrantRef) =>
  and(isSame(grant), sql`${oauthTokens.authorizedBy} is not distinct from ${grant.authorizedBy}`);

/**
 * Locks the token's row before the connection's. Every writer of both uses this order, so that they cannot deadlock.
 */
async function lockLease(tx: Transaction, grant: ApprovedGrantRef) {
  const [row] = await tx
    .select({
      sentAt: oauthTokens.refreshSentAt,
      fence: oauthTokens.refreshFence,
      // The current time, not the transaction's start, because the transaction may have waited for the lock. 0 when
      // nobody ever had the lease.
      heldForMs: sql<number>`greatest(0, ceil(extract(epoch from ${oauthTokens.refreshUntil} - clock_timestamp()) * 1000))::integer`,
    })
    .from(oauthTokens)
    .where(isApproved(grant))
    .for('update');
  return row;
}

async function takeLease(
  tx: Transaction,
  grant: ApprovedGrantRef,
  { holder, lengthMs }: { readonly holder: string; readonly lengthMs: number },
): Promise<LeaseAttempt> {
  const before = await lockLease(tx, grant);
  if (!before) return { outcome: 'moved' };
  if (before.heldForMs > 0) return { outcome: 'held', forMs: before.heldForMs };
  const fence = before.fence + 1;
  await tx
    .update(oauthTokens)
    .set({
      refreshHolder: holder,
      refreshUntil: sql`clock_timestamp() + ${lengthMs}::integer * interval '1 millisecond'`,
      refreshFence: fence,
      refreshSentAt: before.sentAt ?? sql`now()`,
    })
    .where(isApproved(grant));
  const taken = await read(tx, grant);
  if (!taken) return { outcome: 'moved' };
  const { venueId, connectionId, generation, authorizedBy } = grant;
  return {
    outcome: 'taken',
    lease: { venueId, connectionId, generation, authorizedBy, fence },
    grant: taken,
    earlierUnanswered: before.sentAt !== null,
  };
}

async function storeRefreshed(
  tx: Transaction,
  lease: RefreshLease,
  { grant, record }: { readonly grant: NewGrant; readonly record: () => Promise<void> },
): Promise<StoringOutcome> {
  const now = await lockLease(tx, lease);
  if (!now) return { outcome: 'moved' };
  const late = now.fence !== lease.fence;
  if (late && now.heldForMs > 0) return { outcome: 'held', forMs: now.heldForMs };
  await tx
    .update(oauthTokens)
    .set({ ...columnsOf(grant), generation: lease.generation + 1, updatedAt: sql`now()` })
    .where(isApproved(lease));
  await show(tx, lease, grant);
  // The grant may have been marked as dead while the answer was on its way, but a refreshed grant is alive.
  await tx
    .update(connections)
    .set({ state: 'active', cause: null, nextAction: null, stateSince: sql`now()` })
    .where(and(eq(connections.id, lease.connectionId), eq(connections.state, 'needs-reauth')));
  await record();
  const stored = await read(tx, lease);
  return stored ? { outcome: 'stored', grant: stored, late } : { outcome: 'moved' };
}

/** Returns false when another process has taken the lease since, or the grant has changed. */
async function endLease(
  tx: Transaction,
  lease: RefreshLease,
  also: { readonly refreshSentAt?: null },
): Promise<boolean> {
  const ended = await tx
    .update(oauthTokens)
    .set({ refreshUntil: null, ...also })
    .where(and(isApproved(lease), eq(oauthTokens.refreshFence, lease.fence)))
    .returning({ id: oauthTokens.connectionId });
  return ended.length === 1;
}

async function listForForecast(tx: Transaction): Promise<readonly ForecastGrant[]> {
  const { accessExpiresAt, refreshExpiresAt, hardExpiresAt } = oauthTokens;
  const rows = await tx
    .select({
      connectionId: connections.id,
      provider: connections.provider,
      refreshAt: connections.nextRefreshAt,
      accessExpiresAt,
      refreshExpiresAt,
      hardExpiresAt,
    })
    .from(oauthTokens)
    .innerJoin(connections, eq(connections.id, oauthTokens.connectionId))
    .where(inArray(connections.state, [...LIVING]));
  return rows.map(({ refreshAt, ...row }) => ({ ...row, refreshable: refreshAt !== null }));
}

async function read(tx: Transaction, { connectionId }: ConnectionRef): Promise<ConnectedGrant | null> {
  const { sealedTokens, generation, authorizedBy, obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt } =
    oauthTokens;
  const [row] = await tx
    .select({
      ...{ sealedTokens, generation, authorizedBy, obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt },
      refreshSentAt: oauthTokens.refreshSentAt,
      state: connections.state,
      environment: connections.environment,
      externalAccountId: connections.externalAccountId,
      flow: connections.flow,
      refreshAt: connections.nextRefreshAt,
      // The current time, not the transaction's start, because the transaction may have waited for the lock.
      now: sql`clock_timestamp()`.mapWith(oauthTokens.obtainedAt),
    })
    .from(oauthTokens)
    .innerJoin(connections, eq(connections.id, oauthTokens.connectionId))
    .where(eq(oauthTokens.connectionId, connectionId));
  if (row?.flow == null || row.externalAccountId === null) return null;
  return { ...row, flow: row.flow, externalAccountId: row.externalAccountId };
}

async function replaceIn(tx: Transaction, ref: ConnectionRef, grant: ApprovedGrant): Promise<void> {
  const [key] = await tx
    .select({ generation: venueApiKeys.generation })
    .from(venueApiKeys)
    .where(eq(venueApiKeys.connectionId, ref.connectionId));
  // A signal that waits asks about the grant before.
  const values = { ...columnsOf(grant), authorizedBy: grant.authorizedBy, accessCheckSignalled: null };
  await tx
    .insert(oauthTokens)
    .values({ ...values, generation: (key?.generation ?? 0) + 1, connectionId: ref.connectionId, venueId: ref.venueId })
    .onConflictDoUpdate({
      target: oauthTokens.connectionId,
      set: { ...values, generation: sql`${oauthTokens.generation} + 1`, updatedAt: sql`now()` },
    });
  await show(tx, ref, grant);
}

const columnsOf = ({ sealedTokens, obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt }: NewGrant) => ({
  sealedTokens,
  obtainedAt,
  accessExpiresAt,
  refreshExpiresAt,
  hardExpiresAt,
  refreshSentAt: null,
  refreshUntil: null,
});

/** Updates what the connection shows of its grant. */
async function show(
  tx: Transaction,
  { connectionId }: ConnectionRef,
  { flow, scopes, refreshAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt }: NewGrant,
): Promise<void> {
  const ends = [refreshAt === null ? accessExpiresAt : refreshExpiresAt, hardExpiresAt].filter((at) => at !== null);
  const expiresAt = ends.length === 0 ? null : new Date(Math.min(...ends.map((at) => at.getTime())));
  await tx
    .update(connections)
    .set({ flow, scopes, nextRefreshAt: refreshAt, expiresAt, updatedAt: sql`now()` })
    .where(eq(connections.id, connectionId));
}

async function giveUp(
  tx: Transaction,
  { venueId, connectionId }: ConnectionRef,
  { cause, nextAction }: DeadGrant,
): Promise<boolean> {
  const changed = await tx
    .update(connections)
    .set({
      state: 'needs-reauth',
      cause,
      nextAction,
      nextRefreshAt: null,
      stateSince: sql`now()`,
      updatedAt: sql`now()`,
    })
    .where(and(eq(connections.id, connectionId), inArray(connections.state, [...LIVING])))
    .returning({ id: connections.id });
  if (changed.length === 0) return false;
  await announceConnection(tx, { venueId, connectionId }, 'connection.needs-reauth');
  return true;
}
