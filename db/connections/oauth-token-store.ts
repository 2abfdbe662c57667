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

/** One refresh: nobody else refreshes, replaces or wipes the grant until the work with it has ended. */
export interface LockedGrant extends ConnectedGrant {
  /** Stores what the refresh brought, in the lock's own transaction. */
  store(grant: NewGrant): Promise<void>;
  /** Says that the grant is dead, unless its connection is past that. */
  giveUp(dead: DeadGrant): Promise<void>;
  record(entry: AuditEntry): Promise<void>;
}

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
   * Notes, before anything is sent, that a refresh of this generation begins. True when an earlier one was noted whose answer has never
   * been stored: then this refresh token may be spent.
   */
  noteRefreshSent(grant: GrantRef): Promise<boolean>;
  /** The refresh noted above came to a known end without a new token. */
  forgetRefreshSent(grant: GrantRef): Promise<void>;
  /**
   * Does `work` while the grant is locked, and commits what it stored. The lock ends with the transaction, also when this process or its
   * connection dies, or hangs for `MAX_LOCK_MS`. Null when there is no grant.
   */
  withLock<T>(ref: ConnectionRef, work: (grant: LockedGrant) => Promise<T>): Promise<T | null>;
  /** Stores what a refresh brought although its lock was lost. False when something newer is there, or the grant was wiped. */
  storeLate(refreshed: GrantRef, grant: NewGrant, entry: AuditEntry): Promise<boolean>;
  /** The grant of this generation is dead. False when there is a newer one by now. */
  markDead(grant: GrantRef, dead: DeadGrant, entry: AuditEntry): Promise<boolean>;
  /** Every grant of the venue that can be used now or after a refresh. */
  listForForecast(venueId: VenueId): Promise<readonly ForecastGrant[]>;
}

/** A process that hangs loses its lock; the provider's answer and the vault together take less. */
export const MAX_LOCK_MS = 45_000;

const LIVING = ['active', 'degraded', 'suspended'] as const satisfies readonly ConnectionState[];

/** `refreshing` holds a connection for as long as a provider takes to answer: a pool of its own, which nothing else waits for. */
export function createOAuthTokenStore({
  db,
  refreshing,
  audit,
}: {
  readonly db: Database;
  readonly refreshing: Database;
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

    noteRefreshSent: (grant) =>
      withVenue(refreshing, grant.venueId, async (tx) => {
        const [before] = await tx
          .select({ sentAt: oauthTokens.refreshSentAt })
          .from(oauthTokens)
          .where(isSame(grant))
          .for('update');
        if (before?.sentAt === null)
          await tx
            .update(oauthTokens)
            .set({ refreshSentAt: sql`now()` })
            .where(isSame(grant));
        return before !== undefined && before.sentAt !== null;
      }),

    forgetRefreshSent: (grant) =>
      withVenue(refreshing, grant.venueId, async (tx) => {
        await tx.update(oauthTokens).set({ refreshSentAt: null }).where(isSame(grant));
      }),

    withLock: (ref, work) => withVenue(refreshing, ref.venueId, (tx) => lock(tx, { ref, audit, work })),

    storeLate: (refreshed, grant, entry) =>
      withVenue(refreshing, refreshed.venueId, async (tx) => {
        if (!(await write(tx, refreshed, grant))) return false;
        // While its answer was on the way, the refresh counted as lost.
        await tx
          .update(connections)
          .set({ state: 'active', cause: null, nextAction: null, stateSince: sql`now()` })
          .where(and(eq(connections.id, refreshed.connectionId), eq(connections.state, 'needs-reauth')));
        await audit.recordIn(tx, entry);
        return true;
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

interface Locking<T> {
  readonly ref: ConnectionRef;
  readonly audit: AuditStore;
  readonly work: (grant: LockedGrant) => Promise<T>;
}

/** The token's row before the connection's, here and wherever both are written. */
async function lock<T>(tx: Transaction, { ref, audit, work }: Locking<T>): Promise<T | null> {
  await tx.execute(sql.raw(`set local idle_in_transaction_session_timeout = ${MAX_LOCK_MS}`));
  await tx
    .select({ one: sql`1` })
    .from(oauthTokens)
    .where(eq(oauthTokens.connectionId, ref.connectionId))
    .for('update');
  const grant = await read(tx, ref);
  if (!grant) return null;
  return work({
    ...grant,
    async store(fresh) {
      if (!(await write(tx, { ...ref, generation: grant.generation }, fresh)))
        throw new Error('a locked grant has changed');
    },
    async giveUp(dead) {
      await giveUp(tx, ref, dead);
    },
    record: (entry) => audit.recordIn(tx, entry),
  });
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
  const { sealedTokens, generation, obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt, refreshSentAt } =
    oauthTokens;
  const [row] = await tx
    .select({
      ...{ sealedTokens, generation, obtainedAt, accessExpiresAt, refreshExpiresAt, hardExpiresAt, refreshSentAt },
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
  const values = { ...columnsOf(grant), authorizedBy: grant.authorizedBy };
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
});

/** False when the grant is of another generation by now, or gone. */
async function write(tx: Transaction, refreshed: GrantRef, grant: NewGrant): Promise<boolean> {
  const written = await tx
    .update(oauthTokens)
    .set({ ...columnsOf(grant), generation: refreshed.generation + 1, updatedAt: sql`now()` })
    .where(isSame(refreshed))
    .returning({ id: oauthTokens.connectionId });
  if (written.length === 0) return false;
  await show(tx, refreshed, grant);
  return true;
}

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
