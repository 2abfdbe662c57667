import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import type { RepairActivities, RepairDiscrepancyInput, RepairResult } from '../../contracts/reconciliation.ts';
import { toDeletion } from '../../db/pull/pull-deletions.ts';
import type { RepairStore } from '../../db/reconciliation/repair-store.ts';
import { isCircuitOpen } from '../../providers/limits/circuits.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderRejection } from '../../providers/provider.ts';
import { finalAfter, toFailure } from '../failures.ts';
import { withSession } from '../provider-session.ts';
import type { ProviderSessionDeps } from '../provider-session.ts';
import { lookUpOne } from '../sync/look-up.ts';
import { readRecord } from '../sync/pull/pulled-record.ts';
import { sessionWithin } from '../sync/reach.ts';
import { transactions } from '../../records/transactions.ts';
import { mappingsOf } from '../sync/resource-mappings.ts';
import type { MappingsDeps } from '../sync/resource-mappings.ts';
import { factOf } from './transaction-fact.ts';

const READING = { resource: transactions.name, direction: 'pull' } as const;

export interface RepairDeps extends Pick<ProviderSessionDeps, 'credentials'>, MappingsDeps {
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
  const { repairs } = deps;
  const found = await repairs.find(input);
  if (!found) return 'not-repaired';
  const { externalId, accounts } = found;
  const { reach, ...mappings } = await mappingsOf(deps, { ...input, resource: transactions.name });
  return withSession(deps, { connection: input, use: READING, accounts, lane: 'interactive' }, async (opened) => {
    const session = sessionWithin(opened.resource(transactions.name), reach);
    const askedAtMs = Date.now();
    const answer = await lookUpOne(session, externalId);
    const { fieldMapping } = mappings;
    if (answer.rejection) return refuse(answer.rejection);
    const fact = answer.record && factOf(answer.record, fieldMapping);
    if (!answer.record || fact === null) {
      const version = session.versionOf(askedAtMs);
      const pulled = toDeletion({ externalId, version, deletedAtMs: null, certain: true });
      return repairs.repair(input, { pulled, fact: null, fieldMapping });
    }
    const read = readRecord(answer.record, mappings, { lookedUp: true });
    if (read.rejection) return refuse(read.rejection);
    if (fact === 'unmappable') return 'not-repaired';
    return repairs.repair(input, { pulled: read.record, fact, fieldMapping });
  });

  async function refuse({ code, message }: ProviderRejection) {
    await repairs.noteProblem(input, { code, message });
    return 'not-repaired' as const;
  }
}

const REFUSALS: ReadonlySet<string> = new Set([FAILURE.needsReauth, FAILURE.scopesMissing, FAILURE.connectionGone]);

function isRefusal(error: unknown): boolean {
  if (error instanceof ApplicationFailure) return error.type != null && REFUSALS.has(error.type);
  return error instanceof ProviderError && error.details.kind === 'needs-reauth';
}
