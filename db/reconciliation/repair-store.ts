import { eq, sql } from 'drizzle-orm';
import type { ConnectionRef, DiscrepancyId, SyncId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { RepairResult } from '../../contracts/reconciliation.ts';
import { businessDays } from '../../domain/reconciliation/business-days.ts';
import { differenceOf } from '../../domain/reconciliation/compare.ts';
import type { TransactionFact } from '../../domain/reconciliation/transaction-fact.ts';
import { transactions } from '../../records/transactions.ts';
import type { RecordKinds } from '../../records/registry.ts';
import type { AuditStore } from '../core/audit-store.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { withVenue } from '../core/venue-scope.ts';
import { applyForced } from '../pull/forced-pull.ts';
import type { PulledRecord } from '../pull/pulled-record.ts';
import { withRefusals } from '../pull/rejections.ts';
import { scopeWithKind } from '../runs/run-scope.ts';
import type { KindScope, RunScope } from '../runs/run-scope.ts';
import { connections } from '../schema/connections/connections.ts';
import { discrepancies } from '../schema/reconciliation/discrepancies.ts';
import { reconciliations } from '../schema/reconciliation/reconciliations.ts';
import { heldTransactions } from './transaction-facts.ts';

export interface RepairRef extends ConnectionRef {
  readonly provider: ProviderId;
  readonly discrepancyId: DiscrepancyId;
  readonly requestedBy: string;
}

/** What the provider has of the transaction now. */
export interface ProviderSide {
  /** A deletion where the provider does not have it. */
  readonly pulled: PulledRecord;
  readonly fact: TransactionFact | null;
  /** The venue's, under which the provider's record was read. */
  readonly fieldMapping: NonNullable<RunScope['mapping']>;
}

export interface Problem {
  readonly code: string;
  /** Names fields and rules, never values. */
  readonly message: string;
}

export type Repaired = Extract<RepairResult['outcome'], 'repaired' | 'resolved' | 'not-repaired'>;

/** Repairs of discrepancies: only ever the venue's side is changed. All methods are safe to repeat. */
export interface RepairStore {
  /** The provider's id of the transaction; null when the discrepancy is gone. */
  find(ref: RepairRef): Promise<{ readonly externalId: string; readonly accounts: readonly string[] | null } | null>;
  /** Makes the venue's side equal to the provider's, in one transaction with the audit row. */
  repair(ref: RepairRef, side: ProviderSide): Promise<Repaired>;
  /** Notes why a repair was not possible. The discrepancy stays open. */
  noteProblem(ref: RepairRef, problem: Problem): Promise<void>;
}

export interface RepairStoreDeps {
  readonly db: Database;
  readonly kinds: RecordKinds;
  readonly audit: AuditStore;
}

const STILL_DIFFERS: Problem = {
  code: 'still-differs',
  message: 'Both sides still differ: money that was posted stays as it was posted.',
};

export function createRepairStore({ db, kinds, audit }: RepairStoreDeps): RepairStore {
  const isRow = ({ discrepancyId }: RepairRef) => eq(discrepancies.id, discrepancyId);
  const noteProblem = (ref: RepairRef, problem: Problem) => withVenue(db, ref.venueId, (tx) => note(tx, ref, problem));
  return {
    noteProblem,

    find: (ref) =>
      withVenue(db, ref.venueId, async (tx) => {
        const [row] = await tx
          .select({ externalId: discrepancies.externalId, accounts: connections.chosenAccounts })
          .from(discrepancies)
          .innerJoin(connections, eq(connections.id, ref.connectionId))
          .where(isRow(ref));
        return row ?? null;
      }),

    async repair(ref, side) {
      const { results, refused } = await withRefusals(db, ref.venueId, (_tx, storeEach) =>
        storeEach([side], (sp) => repairOne({ tx: sp, kinds, audit }, ref, side)),
      );
      const [reason] = refused;
      if (reason === undefined) return results[0] ?? 'not-repaired';
      await noteProblem(ref, {
        code: 'not-storable',
        message: `The database does not store this object (${reason.reason}).`,
      });
      return 'not-repaired';
    },
  };
}

async function note(tx: Transaction, { discrepancyId }: RepairRef, problem: Problem): Promise<void> {
  await tx
    .update(discrepancies)
    .set({ problem, updatedAt: sql`now()` })
    .where(eq(discrepancies.id, discrepancyId));
}

interface Repairing extends Pick<RepairStoreDeps, 'kinds' | 'audit'> {
  readonly tx: Transaction;
}

async function repairOne({ tx, kinds, audit }: Repairing, ref: RepairRef, side: ProviderSide): Promise<Repaired> {
  const found = await lock(tx, ref);
  if (!found) return 'not-repaired';
  const { discrepancy, reconciliation, connection } = found;
  // Another request has repaired it.
  if (discrepancy.state !== 'open') return discrepancy.state;
  const { externalId, reconciliationId, kind } = discrepancy;
  const days = businessDays(reconciliation.timeZone, reconciliation.fromDay, reconciliation.toDay);
  const differs = async () => {
    const held = await heldTransactions(tx, ref, [externalId]);
    return differenceOf({ here: held.get(externalId)?.fact ?? null, there: side.fact }, days) !== null;
  };
  const differed = await differs();
  if (differed) {
    const { environment, externalAccountId } = connection;
    const account = { provider: ref.provider, environment, externalAccountId: externalAccountId ?? '' };
    // The reconciliation stands where a run would: nothing but the link's last writer is named by it.
    const syncId = reconciliationId as string as SyncId;
    await applyForced(tx, scopeOf(ref, { syncId, account, mapping: side.fieldMapping }, kinds), side.pulled);
    if (await differs()) {
      await note(tx, ref, STILL_DIFFERS);
      return 'not-repaired';
    }
  }
  const state = differed ? 'repaired' : 'resolved';
  await tx
    .update(discrepancies)
    .set({ state, problem: null, settledAt: sql`now()`, settledBy: ref.requestedBy, updatedAt: sql`now()` })
    .where(eq(discrepancies.id, ref.discrepancyId));
  await audit.recordIn(tx, {
    venueId: ref.venueId,
    actor: ref.requestedBy,
    action: `discrepancy.${state}`,
    targetType: 'discrepancy',
    targetId: ref.discrepancyId,
    outcome: 'ok',
    requestId: null,
    details: { kind, reconciliation: reconciliationId },
  });
  return state;
}

async function lock(tx: Transaction, { discrepancyId }: RepairRef) {
  const [found] = await tx
    .select({ discrepancy: discrepancies, reconciliation: reconciliations, connection: connections })
    .from(discrepancies)
    .innerJoin(reconciliations, eq(reconciliations.id, discrepancies.reconciliationId))
    .innerJoin(connections, eq(connections.id, reconciliations.connectionId))
    .where(eq(discrepancies.id, discrepancyId))
    .for('update', { of: discrepancies });
  return found;
}

const scopeOf = (
  { venueId, connectionId, provider }: RepairRef,
  own: Pick<KindScope, 'syncId' | 'account' | 'mapping'>,
  kinds: RecordKinds,
): KindScope =>
  scopeWithKind(
    {
      ...{ venueId, connectionId, provider },
      ...own,
      ...{ resource: transactions.name, direction: 'pull', mode: 'incremental', fence: 0 },
    },
    kinds,
  );
