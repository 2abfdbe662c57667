import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { ConnectionId, ConnectionRef, VenueId } from '../../contracts/ids.ts';
import type { OAuthFlow, ProviderId } from '../../contracts/providers.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { authorizationExchanges } from '../schema/connections/authorization-exchanges.ts';
import { connections } from '../schema/connections/connections.ts';
import { withReach, withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** The exchange of one attempt's code; `attemptId` is the attempt's workflow. */
export interface ExchangeRef extends ConnectionRef {
  readonly attemptId: string;
}

/** An exchange that has brought a grant which no connection has yet. */
export interface GrantedExchange extends ExchangeRef {
  readonly provider: ProviderId;
  readonly flow: OAuthFlow;
}

export type BegunExchange =
  /**
   * Send the code now. `answeredBefore`: the provider answered an earlier request with an error, which may have used up
   * the code.
   */
  | { readonly status: 'begun'; readonly answeredBefore: boolean }
  /** The code was sent before and may be used up. Its answer is lost, unless who sent it is still at work. */
  | { readonly status: 'unanswered'; readonly sentMsAgo: number }
  | { readonly status: 'granted'; readonly sealedGrant: SealedSecret }
  /** The connection is gone or disconnected, so the code must not be sent. */
  | { readonly status: 'withdrawn' };

/** Durable progress of a code's exchange, so that a retried activity knows how far the earlier attempt came. */
export interface AuthorizationExchangeStore {
  /** Records that the code is being exchanged, before anything is sent. */
  begin(exchange: ExchangeRef): Promise<BegunExchange>;
  /** Records that the provider answered with an error after which the code may be sent again. */
  noteFailure(exchange: ExchangeRef): Promise<void>;
  /** Records that nothing has reached the provider. */
  forget(exchange: ExchangeRef): Promise<void>;
  /** Keeps what the code brought until it is stored with its connection, or revoked: also where the exchange was forgotten meanwhile. */
  keep(exchange: ExchangeRef, sealedGrant: SealedSecret): Promise<void>;
  /** What the code brought and no connection has yet; null when there is nothing. */
  findGranted(exchange: ExchangeRef): Promise<SealedSecret | null>;
  /** Those of one connection. */
  listGranted(ref: ConnectionRef): Promise<readonly GrantedExchange[]>;
  /** Those of every venue that are older than any attempt may get, oldest first. */
  listAbandoned(limit: number): Promise<readonly GrantedExchange[]>;
  /** Forgets an exchange, with what it has brought. */
  end(exchange: ExchangeRef): Promise<void>;
}

export function createAuthorizationExchangeStore(db: Database): AuthorizationExchangeStore {
  return {
    begin: (exchange) => withVenue(db, exchange.venueId, (tx) => begin(tx, exchange)),

    noteFailure: ({ venueId, attemptId }) =>
      withVenue(db, venueId, async (tx) => {
        await tx
          .update(authorizationExchanges)
          .set({ state: 'failed', updatedAt: sql`now()` })
          .where(and(isOf(attemptId), eq(authorizationExchanges.state, 'sent')));
      }),

    forget: ({ venueId, attemptId }) =>
      withVenue(db, venueId, async (tx) => {
        await tx.delete(authorizationExchanges).where(and(isOf(attemptId), eq(authorizationExchanges.state, 'sent')));
      }),

    findGranted: ({ venueId, attemptId }) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx
          .select({ sealedGrant: authorizationExchanges.sealedGrant })
          .from(authorizationExchanges)
          .where(isOf(attemptId));
        return row?.sealedGrant ?? null;
      }),

    keep: ({ venueId, connectionId, attemptId }, sealedGrant) =>
      withVenue(db, venueId, async (tx) => {
        const granted = { state: 'granted', sealedGrant } as const;
        await tx
          .insert(authorizationExchanges)
          .values({ attemptId, venueId, connectionId, ...granted })
          .onConflictDoUpdate({
            target: authorizationExchanges.attemptId,
            set: { ...granted, updatedAt: sql`now()` },
          });
      }),

    listGranted: ({ venueId, connectionId }) =>
      withVenue(db, venueId, async (tx) => {
        const { attemptId, state } = authorizationExchanges;
        const rows = await tx
          .select({ attemptId, provider: connections.provider, flow: connections.flow })
          .from(authorizationExchanges)
          .innerJoin(connections, eq(connections.id, authorizationExchanges.connectionId))
          .where(and(eq(connections.id, connectionId), eq(state, 'granted')));
        return rows.flatMap(({ flow, ...row }) => (flow === null ? [] : [{ ...row, flow, venueId, connectionId }]));
      }),

    // No venue is in reach: the function alone sees past them.
    listAbandoned: (limit) =>
      withReach(db, [], async (tx) => {
        const rows = await tx.execute<AbandonedRow>(sql`
          select attempt_id, venue_id, connection_id, provider, flow from abandoned_grants(${limit}::integer)`);
        return rows.map(({ attempt_id: attemptId, venue_id: venueId, connection_id: connectionId, ...row }) => ({
          ...{ attemptId, venueId, connectionId },
          ...row,
        }));
      }),

    end: ({ venueId, attemptId }) => withVenue(db, venueId, (tx) => endExchangeIn(tx, attemptId)),
  };
}

interface AbandonedRow extends Record<string, unknown>, Pick<GrantedExchange, 'provider' | 'flow'> {
  readonly attempt_id: string;
  readonly venue_id: VenueId;
  readonly connection_id: ConnectionId;
}

/** Ends the exchange of an attempt that is over. */
export async function endExchangeIn(tx: Transaction, attemptId: string): Promise<void> {
  await tx.delete(authorizationExchanges).where(isOf(attemptId));
}

const isOf = (attemptId: string) => eq(authorizationExchanges.attemptId, attemptId);

async function begin(tx: Transaction, { venueId, connectionId, attemptId }: ExchangeRef): Promise<BegunExchange> {
  const [connection] = await tx
    .select({ id: connections.id })
    .from(connections)
    .where(and(eq(connections.id, connectionId), notInArray(connections.state, ['disconnecting', 'disconnected'])));
  if (!connection) return { status: 'withdrawn' };
  const inserted = await tx
    .insert(authorizationExchanges)
    .values({ attemptId, venueId, connectionId })
    .onConflictDoNothing()
    .returning({ id: authorizationExchanges.attemptId });
  if (inserted.length === 1) return { status: 'begun', answeredBefore: false };
  const { state, sealedGrant, updatedAt } = authorizationExchanges;
  const sentMsAgo = sql<number>`(extract(epoch from now() - ${updatedAt}) * 1000)::int`;
  const [before] = await tx
    .select({ state, sealedGrant, sentMsAgo })
    .from(authorizationExchanges)
    .where(isOf(attemptId))
    .for('update');
  if (before?.sealedGrant) return { status: 'granted', sealedGrant: before.sealedGrant };
  if (before?.state !== 'failed') return { status: 'unanswered', sentMsAgo: before?.sentMsAgo ?? 0 };
  await tx
    .update(authorizationExchanges)
    .set({ state: 'sent', updatedAt: sql`now()` })
    .where(isOf(attemptId));
  return { status: 'begun', answeredBefore: true };
}
