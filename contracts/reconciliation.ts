import type { ConnectionRef, DiscrepancyId, ReconciliationId } from './ids.ts';
import type { ProviderId } from './providers.ts';
import { scheduleId } from './sync.ts';
import type { SyncFailureInfo, WaitingFor } from './sync.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.
// Payloads carry ids, days and counts, never an amount of money or anything else of a record.

export const RECONCILE_CONNECTION = 'reconcileConnection';

export const RECONCILIATION_PHASES = ['queued', 'reading', 'comparing', 'waiting', 'finished'] as const;
export type ReconciliationPhase = (typeof RECONCILIATION_PHASES)[number];

export const RECONCILIATION_OUTCOMES = ['completed', 'cancelled', 'failed'] as const;
export type ReconciliationOutcome = (typeof RECONCILIATION_OUTCOMES)[number];

/**
 * How a transaction differs between the venue and the provider. Of several differences the first in this order names
 * the discrepancy.
 */
export const DISCREPANCY_KINDS = [
  'missing-here',
  'missing-there',
  'amount-differs',
  'status-differs',
  'day-differs',
] as const;
export type DiscrepancyKind = (typeof DISCREPANCY_KINDS)[number];

/**
 * `repaired`: the repair made both sides equal. `resolved`: they were equal already when the repair looked.
 */
export const DISCREPANCY_STATES = ['open', 'repaired', 'resolved'] as const;
export type DiscrepancyState = (typeof DISCREPANCY_STATES)[number];

export interface ReconcileConnectionInput extends ConnectionRef {
  readonly provider: ProviderId;
  /** Null in a Schedule's workflow, which opens its own reconciliation. */
  readonly reconciliationId: ReconciliationId | null;
  /** For a Schedule: how many days up to yesterday are compared. */
  readonly lastDays?: number;
  /** Set only when this workflow run continues an earlier one. */
  readonly continued?: true;
}

/** An input whose reconciliation is open. */
export interface OpenReconciliationInput extends ReconcileConnectionInput {
  readonly reconciliationId: ReconciliationId;
}

export interface ReconciliationProgress {
  /** Transactions that were read at the provider, and those that were compared. */
  readonly read: number;
  readonly compared: number;
  readonly discrepancies: number;
  readonly providerCalls: number;
}

export interface ReconcileChunkResult extends ReconciliationProgress {
  /** `more`: call again. */
  readonly status: 'done' | 'more';
}

/** Null when there is nothing to do: another reconciliation is open, or the connection is not active. */
export interface BeginReconciliationResult {
  readonly reconciliationId: ReconciliationId | null;
  readonly skipped: 'already-running' | 'connection-not-active' | null;
}

export interface ParkReconciliationInput extends OpenReconciliationInput {
  readonly what: Exclude<WaitingFor, 'approval'>;
  /** When the workflow tries again, ISO 8601 UTC. */
  readonly until: string;
}

export interface FinishReconciliationInput extends OpenReconciliationInput {
  readonly end: ReconciliationOutcome;
  readonly failure?: SyncFailureInfo;
}

/** Short steps on our own database. Runs on the `internal` queue. */
export interface ReconciliationControlActivities {
  readonly beginReconciliation: (input: ReconcileConnectionInput) => Promise<BeginReconciliationResult>;
  readonly parkReconciliation: (input: ParkReconciliationInput) => Promise<void>;
  readonly finishReconciliation: (input: FinishReconciliationInput) => Promise<ReconciliationProgress>;
}

/** Minutes of reading and comparing. Runs in the lane `bulk`. */
export interface ReconcileChunkActivities {
  readonly reconcileChunk: (input: OpenReconciliationInput) => Promise<ReconcileChunkResult>;
}

/** Allows one reconciliation of a connection at a time. */
export const reconciliationWorkflowId = ({ venueId, connectionId }: ConnectionRef): string =>
  `reconcile/${venueId}/${connectionId}`;

export const REPAIR_DISCREPANCY = 'repairDiscrepancy';

export interface RepairDiscrepancyInput extends ConnectionRef {
  readonly provider: ProviderId;
  readonly discrepancyId: DiscrepancyId;
  /** The subject of whoever asked, for the audit log. */
  readonly requestedBy: string;
}

/**
 * `repaired`, `resolved`: see `DISCREPANCY_STATES`. `not-repaired`: both sides still differ; the discrepancy says why.
 * `refused`: the provider no longer accepts the credentials. `unavailable`: the provider could not be asked.
 */
export interface RepairResult {
  readonly outcome: 'repaired' | 'resolved' | 'not-repaired' | 'refused' | 'unavailable';
}

/** A person waits for it: runs in the lane `interactive`. */
export interface RepairActivities {
  readonly repairOne: (input: RepairDiscrepancyInput) => Promise<RepairResult>;
}

export const repairWorkflowId = (discrepancyId: DiscrepancyId): string => `repair/${discrepancyId}`;

/** The word for the daily reconciliation among a connection's schedules, beside the kinds of record. */
export const RECONCILIATION_SCHEDULE = 'reconciliation';

/** The id of that Schedule in Temporal. */
export const reconciliationScheduleId = (connectionId: string): string =>
  scheduleId(connectionId, RECONCILIATION_SCHEDULE);
