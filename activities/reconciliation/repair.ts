import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { RepairActivities, RepairDiscrepancyInput, RepairResult } from '../../contracts/reconciliation.ts';
import { toDeletion } from '../../db/pull/pull-deletions.ts';
import type { RepairStore } from '../../db/reconciliation/repair-store.ts';
import { isCircuitOpen } from '../../providers/circuits.ts';
import { unreadableIssuesOf, unreadableRejection } from '../../providers/items.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderRecord } from '../../providers/provider.ts';
import { transactions } from '../../records/transactions.ts';
import { finalAfter, toFailure } from '../failures.ts';
import { toPulled } from '../sync/pulled-record.ts';
import { factOf } from './transaction-fact.ts';
import { withTransactions } from './transaction-session.ts';
import type { TransactionSessionDeps } from './transaction-session.ts';

export interface RepairDeps extends TransactionSessionDeps {
  readonly repairs: RepairStore;
}

/** Few, because a person waits for the answer. */
const MAX_ATTEMPTS = 3;

/** Repairs a discrepancy: asks the provider for the transaction and makes the venue's equal. Writes nothing there. */
export function createRepairActivities(deps: RepairDeps): RepairActivities {
  return {
    async repairOne(input) {
      try {
        return { outcome: await repair(deps, input) };
      } catch (error) {
        if (isRefusal(error)) return { outcome: 'refused' };
        throw finalAfter(isCircuitOpen(error) ? 1 : MAX_ATTEMPTS, toFailure(error, false));
      }
    },
  };
}

async function repair(deps: RepairDeps, input: RepairDiscrepancyInput): Promise<RepairResult['outcome']> {
  const { repairs, providers } = deps;
  const found = await repairs.find(input);
  const mapping = providers.find(input.provider)?.mapping(transactions.name);
  if (!found || !mapping) return 'not-repaired';
  const { externalId, accounts } = found;
  return withTransactions(deps, { connection: input, accounts, lane: 'interactive' }, async (session) => {
    const askedAtMs = Date.now();
    let record: ProviderRecord | null;
    try {
      record = await session.retrieve(externalId);
    } catch (error) {
      const issues = unreadableIssuesOf(error);
      if (issues === null) throw error;
      const { code, message } = unreadableRejection({ externalId, issues });
      await repairs.noteProblem(input, { code, message });
      return 'not-repaired';
    }
    const fact = record && factOf(record);
    const pulled = fact && record ? toPulled(record, mapping, { lookedUp: true }) : gone();
    return repairs.repair(input, { pulled, fact });

    function gone() {
      return toDeletion({ externalId, version: session.versionOf(askedAtMs), deletedAtMs: null, certain: true });
    }
  });
}

function isRefusal(error: unknown): boolean {
  if (error instanceof ApplicationFailure)
    return error.type === FAILURE.needsReauth || error.type === FAILURE.connectionGone;
  return error instanceof ProviderError && error.details.kind === 'needs-reauth';
}
