import { and, eq, inArray, sql } from 'drizzle-orm';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { ConnectionState, Environment, OAuthFlow } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import type { ForecastGrant } from '../../domain/grants/grant-forecast.ts';
import type { GrantTimes } from '../../domain/grants/grant-timing.ts';
import type { AuditEntry, AuditStore } from '../core/audit-store.ts';
import { connections } from '../schema/connections/connections.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** A grant as it lies there. All times are by the database's clock. */
export interface StoredGrant extends GrantTimes {
  readonly sealedTokens: SealedSecret;
  /** Grows with every refresh and every approval; what key rotation seals anew keeps it. */
  readonly generation: number;
  /** The workflow id of the attempt that brought it; null for one from before attempts were noted. */
  readonly authorizedBy: string | null;
  readonly obtainedAt: Date;
  /** A refresh of this generation was begun then, and its answer was not stored. */
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
  /** When it is to be refreshed; null: never. */
  readonly refreshAt: Date | null;
}

/** A grant of one generation. */
export interface GrantRef extends ConnectionRef {
  readonly generation: number;
}

/** A grant that the account's owner has just given. */
export interface ApprovedGrant extends NewGrant {
  /** The workflow id of the attempt that brought it. */
  readonly authorizedBy: string;
}

/** What a connection says when its grant is dead. */
export interface DeadGrant {
  readonly cause: string;
  readonly nextAction: string;
}

/** A grant of one generation, of one approval: disconnecting and connecting anew starts the generations again. */
export interface ApprovedGrantRef extends GrantRef, Pick<StoredGrant, 'authorizedBy'> {}

/** The right to refresh a grant until a moment. Whoever takes it next has a higher fence. */
export interface RefreshLease extends ApprovedGrantRef {
  readonly fence: number;
}

export type LeaseAttempt =
  | {
      readonly outcome: 'taken';
      readonly lease: RefreshLease;
      readonly grant: ConnectedGrant;
      /** The answer to an earlier refresh of this generation has never been stored: its refresh token may be spent. */
      readonly earlierUnanswered: boolean;
    }
  /** Another holder has it, for so long at most. */
  | { readonly outcome: 'held'; readonly forMs: number }
  /** The grant is of another generation by now, or gone. */
  | { readonly outcome: 'moved' };

export type StoringOutcome =
  /** `late`: somebody else has had the lease meanwhile, and got nothing. */
  | { readonly outcome: 'stored'; readonly grant: ConnectedGrant; readonly late: boolean }
  | Exclude<LeaseAttempt, { readonly outcome: 'taken' }>;

export interface OAuthTokenStore {
  /** Null: the connection is not there, or has no grant. */
  find(ref: ConnectionRef): Promise<ConnectedGrant | null>;
  /** How far the database's clock is ahead of this process's, to a few milliseconds. */
  clockAheadMs(): Promise<number>;
  /**
   * Puts a grant in place of the connection's earlier one, or of its key, with what the connection shows of it. Its generation is newer
   * than that of what it replaces. A key stays where it is.
   */
  replaceIn(tx: Transaction, ref: ConnectionRef, grant: ApprovedGrant): Promise<void>;
  /**
   * Takes the right to refresh the grant, and notes that a refresh of this generation begins. No transaction stays open: the lease ends
   * with what is stored, with `releaseRefresh`, and by itself after `lengthMs`, also when its holder has died.
   */
  takeRefreshLease(
    grant: ApprovedGrantRef,
    by: { readonly holder: string; readonly lengthMs: number },
  ): Promise<LeaseAttempt>;
  /**
   * Stores what a refresh brought, and ends its lease. Refused while another holder is at work, and when a newer grant is there. A holder that
   * was slower than its lease may still store: until the next one stores something, its answer is all that is left of the grant.
   */
  storeRefreshed(lease: RefreshLease, grant: NewGrant, entry: AuditEntry): Promise<StoringOutcome>;
  /** The provider has refused the grant: says that it is dead, and ends the lease. False when the lease was lost, and says nothing then. */
  giveUpRefresh(lease: RefreshLease, dead: DeadGrant, entry: AuditEntry): Promise<boolean>;
  /** Ends a lease without a new grant. `unsent`: the refresh token is certainly not spent. Does nothing when the lease was lost. */
  releaseRefresh(lease: RefreshLease, how: { readonly unsent: boolean }): Promise<void>;
  /** The grant of this generation is dead. False when there is a newer one by now. */
  markDead(grant: GrantRef, dead: DeadGrant, entry: AuditEntry): Promise<boolean>;
  /** Every grant of the venue that can be used now or after a refresh. */
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

/** Locks the token's row before the connection's, here and wherever both are written. */
async function lockLease(tx: Transaction, grant: ApprovedGrantRef) {
  const [row] = await tx
    .select({
      sentAt: oauthTokens.refreshSentAt,
      fence: oauthTokens.refreshFence,
      // Of the moment, not of the transaction's beginning: it may have waited for the lock. 0 when nobody has ever had the lease.
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
  // While the answer was on the way, the grant may have counted as dead: what the provider has renewed is alive.
  await tx
    .update(connections)
    .set({ state: 'active', cause: null, nextAction: null, stateSince: sql`now()` })
    .where(and(eq(connections.id, lease.connectionId), eq(connections.state, 'needs-reauth')));
  await record();
  const stored = await read(tx, lease);
  return stored ? { outcome: 'stored', grant: stored, late } : { outcome: 'moved' };
}

/** False when somebody else has taken the lease since, or the grant is another. */
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
      // Of the moment, not of the transaction's beginning: it may have waited for the lock.
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

/** What the connection itself tells of its grant. */
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
  { connectionId }: ConnectionRef,
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
  return changed.length === 1;
}
