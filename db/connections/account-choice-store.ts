import { and, eq, sql } from 'drizzle-orm';
import type { ConnectionRef } from '../../contracts/ids.ts';
import { isSameChoice, unknownIn, withListing } from '../../domain/grants/account-choice.ts';
import type { AccountChoice, GrantAccount } from '../../domain/grants/account-choice.ts';
import { recordWith } from '../core/audit-store.ts';
import type { AuditEntry } from '../core/audit-store.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { syncCursors } from '../schema/runs/sync-cursors.ts';

/** Which of the accounts that a connection's grant opens are synced. */
export interface AccountChoiceStore {
  /** Null: there is no such connection. */
  find(ref: ConnectionRef): Promise<AccountChoice | null>;
  /** Takes what the provider lists now. */
  noteListed(ref: ConnectionRef, accounts: readonly GrantAccount[]): Promise<void>;
  /**
   * Chooses from what was listed last; null: all. The next scheduled pull of each resource is a full pass, since what was not chosen before has a past too.
   * Returns the positions of ids that the grant does not open, and chooses nothing then. The same choice again changes nothing.
   */
  choose(
    ref: ConnectionRef,
    chosen: AccountChoice['chosen'],
    audit?: AuditEntry,
  ): Promise<{ readonly unknown: readonly number[] }>;
}

export function createAccountChoiceStore(db: Database): AccountChoiceStore {
  return {
    find: (ref) => withVenue(db, ref.venueId, (tx) => read(tx, ref)),

    noteListed: (ref, accounts) =>
      withVenue(db, ref.venueId, async (tx) => {
        const before = await lock(tx, ref);
        if (!before) return;
        await tx
          .update(connections)
          .set({ listedAccounts: withListing(before, accounts), accountsListedAt: sql`now()` })
          .where(isRow(ref));
      }),

    choose: (ref, chosen, audit) =>
      withVenue(db, ref.venueId, async (tx) => {
        const before = await lock(tx, ref);
        if (!before) return { unknown: [] };
        const unknown = chosen === null ? [] : unknownIn(before, chosen);
        if (unknown.length > 0 || isSameChoice(before.chosen, chosen)) return { unknown };
        await tx
          .update(connections)
          .set({ chosenAccounts: chosen, updatedAt: sql`now()` })
          .where(isRow(ref));
        await tx
          .update(syncCursors)
          .set({ fullStartedAt: null, fullFinishedAt: null })
          .where(and(eq(syncCursors.connectionId, ref.connectionId), eq(syncCursors.direction, 'pull')));
        return recordWith(tx, { unknown }, () => audit ?? null);
      }),
  };
}

const isRow = ({ connectionId }: ConnectionRef) => eq(connections.id, connectionId);

async function lock(tx: Transaction, ref: ConnectionRef): Promise<AccountChoice | null> {
  await tx
    .select({ one: sql`1` })
    .from(connections)
    .where(isRow(ref))
    .for('update');
  return read(tx, ref);
}

/** Inside the caller's transaction. */
async function read(tx: Transaction, ref: ConnectionRef): Promise<AccountChoice | null> {
  const [row] = await tx
    .select({
      listed: connections.listedAccounts,
      listedAt: connections.accountsListedAt,
      chosen: connections.chosenAccounts,
    })
    .from(connections)
    .where(isRow(ref));
  return row ?? null;
}
