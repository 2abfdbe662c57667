import { and, eq, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import type { AuthorizationRefusal, AuthorizeConnectionInput } from '../../contracts/connections.ts';
import type { ConnectionId, ConnectionRef } from '../../contracts/ids.ts';
import { explainRefusal } from '../../domain/grants/authorization-refusal.ts';
import type { AuditStore } from '../core/audit-store.ts';
import { accountNameOf, stateWithNewCredentials } from './connection-store.ts';
import { endExchangeIn } from './authorization-exchange-store.ts';
import type { ApprovedGrant, OAuthTokenStore } from './oauth-token-store.ts';
import { announceConnection } from '../outgoing/announcements.ts';
import { connections } from '../schema/connections/connections.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { venueApiKeys } from '../schema/connections/venue-api-keys.ts';
import { isUniqueViolation } from '../core/unique-violation.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** An attempt to connect; `attemptId` is its workflow's. */
export type Attempt = Pick<
  AuthorizeConnectionInput,
  'venueId' | 'connectionId' | 'provider' | 'environment' | 'flow' | 'reauthorize' | 'requestedBy'
> & { readonly attemptId: string };

export interface AuthorizedGrant {
  readonly account: { readonly id: string; readonly name: string | null };
  /** Sealed for `connectionId`. */
  readonly connectionId: ConnectionId;
  readonly grant: ApprovedGrant;
}

/** `belongs-to`: the account belongs to another connection; seal the grant for that one and store it again. */
export type StoredGrant =
  | { readonly status: 'connected' }
  | { readonly status: 'belongs-to'; readonly connectionId: ConnectionId }
  | { readonly status: 'refused'; readonly code: AuthorizationRefusal };

export interface AuthorizationStore {
  /** The connection that the attempt's grant was stored with; null when there is none. */
  findConnected(attempt: Pick<Attempt, 'venueId' | 'attemptId'>): Promise<ConnectionId | null>;
  /**
   * Stores the grant in place of any earlier credentials and makes its connection active, unless it is suspended, in one
   * transaction.
   */
  store(attempt: Attempt, authorized: AuthorizedGrant): Promise<StoredGrant>;
  /** Ends an attempt without a grant. Returns the connection that it has after all, or null. */
  refuse(attempt: Attempt, code: AuthorizationRefusal): Promise<ConnectionId | null>;
}

export function createAuthorizationStore(
  db: Database,
  { tokens, audit }: { readonly tokens: OAuthTokenStore; readonly audit: AuditStore },
): AuthorizationStore {
  return {
    findConnected: ({ venueId, attemptId }) => withVenue(db, venueId, (tx) => findConnected(tx, attemptId)),

    async store(attempt, authorized) {
      try {
        return await withVenue(db, attempt.venueId, (tx) => storeIn(tx, attempt, { ...authorized, tokens, audit }));
      } catch (error) {
        if (!isUniqueViolation(error)) throw error;
        // Another attempt connected the same account at the same moment; the second try finds it.
        return withVenue(db, attempt.venueId, (tx) => storeIn(tx, attempt, { ...authorized, tokens, audit }));
      }
    },

    refuse: (attempt, code) =>
      withVenue(db, attempt.venueId, async (tx) => {
        const connected = await findConnected(tx, attempt.attemptId);
        if (connected !== null) return connected;
        await endExchangeIn(tx, attempt.attemptId);
        const { message, nextAction } = explainRefusal(code);
        if (!attempt.reauthorize) await disconnectAttempt(tx, attempt, { cause: message, nextAction });
        await audit.recordIn(
          tx,
          auditEntry(attempt, 'connection.refused', {
            targetId: attempt.connectionId,
            outcome: 'refused',
            details: { code },
          }),
        );
        return null;
      }),
  };
}

/** The connection that the grant replaces or joins. */
type Row = typeof connections.$inferSelect;

async function storeIn(
  tx: Transaction,
  attempt: Attempt,
  {
    account,
    connectionId,
    grant,
    tokens,
    audit,
  }: AuthorizedGrant & { readonly tokens: OAuthTokenStore; readonly audit: AuditStore },
): Promise<StoredGrant> {
  // Lock the grant before its connection, in the same order as a refresh, to avoid deadlocks.
  await tx
    .select({ one: sql`1` })
    .from(oauthTokens)
    .where(eq(oauthTokens.connectionId, connectionId))
    .for('update');
  const own = await lock(tx, eq(connections.id, attempt.connectionId));
  if (!own || !mayConnect(own, attempt)) return { status: 'refused', code: 'cancelled' };
  if (attempt.reauthorize && own.externalAccountId !== account.id) return { status: 'refused', code: 'wrong-account' };
  const { provider, environment } = attempt;
  const isAccount = and(
    eq(connections.provider, provider),
    eq(connections.environment, environment),
    eq(connections.externalAccountId, account.id),
  );
  const target = (await lock(tx, isAccount)) ?? own;
  if (target.id !== connectionId) return { status: 'belongs-to', connectionId: target.id };
  // The connection's grant, and with some providers all of the account's grants, is being revoked right now.
  if (target.state === 'disconnecting') return { status: 'refused', code: 'cancelled' };
  await connect(tx, target, { account, connectionId, grant, tokens, audit, attempt });
  return { status: 'connected' };
}

type Connecting = AuthorizedGrant & {
  readonly tokens: OAuthTokenStore;
  readonly audit: AuditStore;
  readonly attempt: Attempt;
};

async function connect(
  tx: Transaction,
  target: Row,
  { account, connectionId, grant, tokens, audit, attempt }: Connecting,
): Promise<void> {
  const { venueId, provider, environment, flow } = attempt;
  await activate(tx, target, account);
  await tokens.replaceIn(tx, { venueId, connectionId }, grant);
  if (target.state === 'connecting' || target.state === 'disconnected')
    await announceConnection(tx, { venueId, connectionId }, 'connection.created');
  await endExchangeIn(tx, attempt.attemptId);
  // A connection has one kind of credentials: an old key would outlive the disconnection of the grant.
  await tx.delete(venueApiKeys).where(eq(venueApiKeys.connectionId, connectionId));
  const joins = connectionId !== attempt.connectionId;
  if (joins)
    await disconnectAttempt(tx, attempt, {
      cause: `The account was connected before, as ${connectionId}: that connection has the new access.`,
      nextAction: null,
    });
  const details = { provider, environment, flow, ...(joins && { attemptConnectionId: attempt.connectionId }) };
  await audit.recordIn(
    tx,
    auditEntry(attempt, attempt.reauthorize ? 'connection.reauthorized' : 'connection.connected', {
      targetId: connectionId,
      outcome: 'ok',
      details,
    }),
  );
}

/** A connection that was withdrawn meanwhile stays so, even if its account owner has approved. */
function mayConnect({ state }: Row, { reauthorize }: Attempt): boolean {
  if (!reauthorize) return state === 'connecting';
  return state !== 'connecting' && state !== 'disconnecting' && state !== 'disconnected';
}

async function activate(tx: Transaction, { id, state }: Row, account: AuthorizedGrant['account']): Promise<void> {
  await tx
    .update(connections)
    .set({
      ...stateWithNewCredentials(state),
      externalAccountId: account.id,
      accountName: accountNameOf(account),
      updatedAt: sql`now()`,
    })
    .where(eq(connections.id, id));
}

async function lock(tx: Transaction, which: SQL | undefined): Promise<Row | null> {
  const [row] = await tx.select().from(connections).where(which).for('update');
  return row ?? null;
}

async function disconnectAttempt(
  tx: Transaction,
  { connectionId }: ConnectionRef,
  why: { readonly cause: string; readonly nextAction: string | null },
): Promise<void> {
  await tx
    .update(connections)
    .set({ state: 'disconnected', ...why, stateSince: sql`now()`, updatedAt: sql`now()` })
    .where(and(eq(connections.id, connectionId), eq(connections.state, 'connecting')));
}

async function findConnected(tx: Transaction, attemptId: string): Promise<ConnectionId | null> {
  const [row] = await tx
    .select({ id: oauthTokens.connectionId })
    .from(oauthTokens)
    .where(eq(oauthTokens.authorizedBy, attemptId));
  return row?.id ?? null;
}

function auditEntry(
  { venueId, requestedBy, attemptId }: Attempt,
  action: string,
  {
    targetId,
    outcome,
    details,
  }: {
    readonly targetId: string;
    readonly outcome: 'ok' | 'refused';
    readonly details: Readonly<Record<string, string | boolean>>;
  },
) {
  return {
    venueId,
    actor: requestedBy,
    action,
    targetType: 'connection',
    targetId,
    outcome,
    requestId: null,
    details: { ...details, attemptId },
  };
}
