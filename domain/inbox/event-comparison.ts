import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { REPAIR_GAPS, repairGapsWorkflowId } from '../../contracts/inbox.ts';
import type { RepairGapsInput, RepairGapsResult } from '../../contracts/inbox.ts';
import type { Cursor } from '../sync/pull/pull-plan.ts';
import { startAttributes } from '../sync/search-attributes.ts';

/** A comparison under way, of what the provider lists as created in [fromEpochS, toEpochS). */
export interface OpenComparison {
  readonly fromEpochS: number;
  readonly toEpochS: number;
  /** Where the provider's list goes on; null at its beginning. */
  readonly after: Cursor | null;
  /** Events so far that had been delivered, and that had never arrived. */
  readonly delivered: number;
  readonly missed: number;
}

/** Between two comparisons of one connection's events. */
export const COMPARE_EVERY_MS = 15 * 60_000;
/** An event that is younger may still be on its way. */
const SETTLING_S = 120;
/** Compared once more: an event may appear in the list late, and the provider's clock differs from ours. */
const OVERLAP_S = 900;

export interface ComparisonBounds {
  readonly nowMs: number;
  /** How far back the provider lists events. */
  readonly reachMs: number;
  /** When the connection was made: earlier events were not expected. */
  readonly connectedMs: number;
  /** Up to when earlier comparisons have come; null before the first. */
  readonly comparedToMs: number | null;
}

/** The comparison that is next. */
export function nextComparison({ nowMs, reachMs, connectedMs, comparedToMs }: ComparisonBounds): OpenComparison {
  const toEpochS = Math.floor(nowMs / 1_000) - SETTLING_S;
  const sinceS = comparedToMs === null ? connectedMs / 1_000 : comparedToMs / 1_000 - OVERLAP_S;
  const fromEpochS = Math.min(toEpochS, Math.floor(Math.max(sinceS, (nowMs - reachMs) / 1_000)));
  return { fromEpochS, toEpochS, after: null, delivered: 0, missed: 0 };
}

/**
 * How many events were missing one after another, once a comparison has ended. A single lost event says nothing; many
 * without one that was delivered say that the provider's webhooks are silent.
 */
export const undeliveredAfter = (before: number, { delivered, missed }: OpenComparison): number =>
  delivered > 0 ? 0 : before + missed;

/** A function with the type of the `repairGaps` workflow. */
export type RepairGaps = (input: RepairGapsInput) => Promise<RepairGapsResult>;

/** Starts the comparison of a connection's events: the arguments of the client's start. */
export function gapRepair(input: RepairGapsInput, providerName: string) {
  return [
    REPAIR_GAPS,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: repairGapsWorkflowId(input),
      args: [input] as [RepairGapsInput],
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      typedSearchAttributes: startAttributes({
        VenueId: input.venueId,
        ConnectionId: input.connectionId,
        Provider: input.provider,
      }),
      staticSummary: `${providerName}: fetch events that never arrived`,
      priority: { priorityKey: PRIORITY.incremental, fairnessKey: input.venueId },
    },
  ] as const;
}
