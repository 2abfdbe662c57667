import { Context } from '@temporalio/activity';
import { RECONCILE_CONNECTION } from '../../contracts/reconciliation.ts';
import type {
  BeginReconciliationResult,
  FinishReconciliationInput,
  ReconcileConnectionInput,
  ReconciliationControlActivities,
  ReconciliationProgress,
} from '../../contracts/reconciliation.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { VenueStore } from '../../db/core/venue-store.ts';
import { OtherDaysOpenError } from '../../db/reconciliation/reconciliation-opening.ts';
import type { ReconciliationProgressStore } from '../../db/reconciliation/reconciliation-progress-store.ts';
import type { ReconciliationStore } from '../../db/reconciliation/reconciliation-store.ts';
import { explainFailure } from '../../domain/errors/failure-advice.ts';
import { isUsable } from '../../domain/grants/usable-connection.ts';
import { lastDays } from '../../domain/reconciliation/business-days.ts';
import { explainWaiting } from '../../domain/sync/waiting/waiting-advice.ts';
import type { Providers } from '../../providers/providers.ts';
import { zoneOfDays } from '../../providers/reconciles.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { countReconciliation } from '../../telemetry/reconciliation-metrics.ts';
import { guarded } from '../failures.ts';

export interface ReconciliationControlDeps {
  readonly connections: ConnectionStore;
  readonly venues: Pick<VenueStore, 'find'>;
  readonly reconciliations: ReconciliationStore;
  readonly reconciliationProgress: ReconciliationProgressStore;
  readonly providers: Providers;
  readonly log: Logger;
}

/** Short steps of a reconciliation that use only our own database. */
export function createReconciliationControlActivities(
  deps: ReconciliationControlDeps,
): ReconciliationControlActivities {
  return {
    beginReconciliation: (input) => guarded(() => begin(deps, input)),
    parkReconciliation: (input) =>
      guarded(() =>
        deps.reconciliationProgress.park(input, {
          what: input.what,
          since: new Date().toISOString(),
          until: input.until,
          error: explainWaiting(input.what),
        }),
      ),
    finishReconciliation: (input) => guarded(() => endReconciliation(deps, input, RECONCILE_CONNECTION)),
  };
}

/** Opens the reconciliation of a Schedule. A repeat after a lost answer finds the one that it opened. */
async function begin(
  { connections, venues, reconciliations, providers }: ReconciliationControlDeps,
  { venueId, connectionId, provider, lastDays: count = 1 }: ReconcileConnectionInput,
): Promise<BeginReconciliationResult> {
  const connection = await connections.find({ venueId, connectionId });
  const venue = await venues.find([venueId], venueId);
  if (!venue || !connection || !isUsable(connection))
    return { reconciliationId: null, skipped: 'connection-not-active' };
  const { from, to } = lastDays(venue.timeZone, new Date(), count);
  const { workflowId, runId } = Context.current().info.workflowExecution ?? NO_WORKFLOW;
  const by = `schedule:${runId}`;
  try {
    const { reconciliation, joined } = await reconciliations.openOrJoin({
      ...{ venueId, connectionId, provider },
      ...{ fromDay: from, toDay: to, timeZone: zoneOfDays(providers.find(provider), venue.timeZone) },
      ...{ requestedBy: by, requestKey: by, workflowId },
    });
    if (joined) return { reconciliationId: null, skipped: 'already-running' };
    return { reconciliationId: reconciliation.id, skipped: null };
  } catch (error) {
    if (error instanceof OtherDaysOpenError) return { reconciliationId: null, skipped: 'already-running' };
    throw error;
  }
}

const NO_WORKFLOW = { workflowId: '', runId: '' };

/** Stores the end of a reconciliation, which `actor` has brought about, and counts it. */
export async function endReconciliation(
  {
    reconciliationProgress,
    log,
  }: Pick<ReconciliationControlDeps, 'reconciliationProgress'> & {
    readonly log: Pick<Logger, 'warn'>;
  },
  input: FinishReconciliationInput,
  actor: string,
): Promise<ReconciliationProgress> {
  const { venueId, connectionId, provider, reconciliationId, end, failure } = input;
  const error = end === 'failed' ? explainFailure(failure?.type ?? 'Internal') : null;
  const progress = await reconciliationProgress.finish(input, { outcome: end, error }, (ended) => ({
    venueId,
    actor,
    action: 'reconciliation.finished',
    targetType: 'reconciliation',
    targetId: reconciliationId,
    outcome: error ? 'failed' : 'ok',
    requestId: null,
    details: { outcome: end, compared: ended.compared, discrepancies: ended.discrepancies },
  }));
  countReconciliation(provider, end, progress.discrepancies);
  if (progress.discrepancies > 0)
    log.warn(
      { venueId, connectionId, provider, reconciliationId, discrepancies: progress.discrepancies },
      'discrepancies found',
    );
  return progress;
}
