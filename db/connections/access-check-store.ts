import { eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import { oauthTokens } from '../schema/connections/oauth-tokens.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

/** A signal counts as waiting for this long: its workflow may have been terminated, and the signal with it. */
const SIGNAL_LIFE_MINUTES = 10;

/**
 * Lets processes see whether a connection's owner has still to act on a signal that it should check its grant. A signal is numbered by the checks
 * that had begun before it was sent. So long as no further check has begun, the check that the signal asks for is still to come, and will notice
 * everything that has happened until then.
 */
export interface AccessCheckStore {
  /** How many checks of the grant have begun; null when a signal waits already, or there is no grant. */
  readUnsignalled(ref: ConnectionRef): Promise<number | null>;
  /** Temporal has a signal that was sent after `checks` was read. */
  noteSignalled(ref: ConnectionRef, checks: number): Promise<void>;
  /** A check begins: a signal that comes from now on asks for another one. */
  begin(ref: ConnectionRef): Promise<void>;
}

export function createAccessCheckStore(db: Database): AccessCheckStore {
  const { accessChecks: checks, accessCheckSignalled, accessCheckSignalledAt } = oauthTokens;
  const isRow = ({ connectionId }: ConnectionRef) => eq(oauthTokens.connectionId, connectionId);
  return {
    readUnsignalled: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const isWaiting = sql<boolean>`coalesce(${accessCheckSignalled} = ${checks}
          and ${accessCheckSignalledAt} > now() - make_interval(mins => ${SIGNAL_LIFE_MINUTES}), false)`;
        const [row] = await tx.select({ checks, isWaiting }).from(oauthTokens).where(isRow(ref));
        return row === undefined || row.isWaiting ? null : row.checks;
      }),

    noteSignalled: (ref, accessCheckSignalled) =>
      withVenue(db, ref.venueId, async (tx) => {
        await tx
          .update(oauthTokens)
          .set({ accessCheckSignalled, accessCheckSignalledAt: sql`now()` })
          .where(isRow(ref));
      }),

    begin: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        await tx
          .update(oauthTokens)
          .set({ accessChecks: sql`${checks} + 1` })
          .where(isRow(ref));
      }),
  };
}
