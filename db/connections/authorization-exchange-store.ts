import { and, eq, notInArray, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { authorizationExchanges } from '../schema/connections/authorization-exchanges.ts';
import { connections } from '../schema/connections/connections.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** The exchange of one attempt's code; `attemptId` is the attempt's workflow. */
export interface ExchangeRef extends ConnectionRef {
  readonly attemptId: string;
}

export type BegunExchange =
  /** Send the code now. `answeredBefore`: the provider has answered an earlier sending with an error, which may have spent the code all the same. */
  | { readonly status: 'begun'; readonly answeredBefore: boolean }
  /** The code was sent before, and the answer was lost with whoever waited for it: sending it again is of no use. */
  | { readonly status: 'unanswered' }
  | { readonly status: 'granted'; readonly sealedGrant: SealedSecret }
  /** The connection is gone or disconnected: the code is not to be sent. */
  | { readonly status: 'withdrawn' };

/** What is known about the exchange of a code, durably: an activity that is tried again finds how far the one before came. */
export interface AuthorizationExchangeStore {
  /** Notes, before anything is sent, that the code is being exchanged. */
  begin(exchange: ExchangeRef): Promise<BegunExchange>;
  /** The provider answered with an error after which the code may be sent again. */
  noteFailure(exchange: ExchangeRef): Promise<void>;
  /** Nothing has reached the provider. */
  forget(exchange: ExchangeRef): Promise<void>;
  /** Keeps what the code brought until it is stored with its connection. */
  keep(exchange: ExchangeRef, sealedGrant: SealedSecret): Promise<void>;
  /** What the code has brought and no connection has yet; null when there is nothing. */
  findGranted(exchange: ExchangeRef): Promise<SealedSecret | null>;
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

    keep: ({ venueId, attemptId }, sealedGrant) =>
      withVenue(db, venueId, async (tx) => {
        await tx
          .update(authorizationExchanges)
          .set({ state: 'granted', sealedGrant, updatedAt: sql`now()` })
          .where(isOf(attemptId));
      }),
  };
}

/** The attempt is over, one way or the other. */
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
  const [before] = await tx.select().from(authorizationExchanges).where(isOf(attemptId)).for('update');
  if (before?.sealedGrant) return { status: 'granted', sealedGrant: before.sealedGrant };
  if (before?.state !== 'failed') return { status: 'unanswered' };
  await tx
    .update(authorizationExchanges)
    .set({ state: 'sent', updatedAt: sql`now()` })
    .where(isOf(attemptId));
  return { status: 'begun', answeredBefore: true };
}
