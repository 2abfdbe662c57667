import type { ConnectionRef, SyncId } from './ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from './providers.ts';

// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.
// Payloads carry ids, cursors and counts. Secrets and personal data stay inside activities.

export const SYNC_CONNECTION = 'syncConnection';

export interface SyncKey extends ConnectionRef {
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Direction;
}

export interface SyncConnectionInput extends SyncKey {
  readonly syncId: SyncId;
  readonly mode: SyncMode;
  /** Reads and decides, and writes to neither side. */
  readonly dryRun?: true;
  /** Covers only what was created at the provider in [fromEpochS, toEpochS). Pulls only. */
  readonly window?: { readonly fromEpochS: number | null; readonly toEpochS: number | null };
  /** The dry run whose plan this run carries out. The run reports its deviations. */
  readonly planId?: SyncId;
  /** Covers only the records of dead letters that are to be retried. */
  readonly deadLettersOnly?: true;
  /** Set only when this run continues an earlier one of the same sync. */
  readonly continued?: true;
  /** What the workflow waited for when it continued as new; null for nothing. */
  readonly parked?: ParkedSync | null;
}

/**
 * Lets a run that waits for approval continue. Sent by the API, or by hand in the Temporal Web UI. A run that is not
 * waiting ignores it.
 */
export const APPROVE_SIGNAL = 'approve';
export interface ApproveSignal {
  /** The approver's subject for the audit log, never an e-mail address. */
  readonly by: string;
  /**
   * The count that the person saw. Absent in a signal sent by hand, which approves the run's current count when it
   * arrives.
   */
  readonly awaiting?: ArchivingCount;
}

/** What a run counts before it archives. Numbers and times only, so that it may appear in histories. */
export interface ArchivingCount {
  /** Records that the run would archive, and the total. */
  readonly archiving: number;
  readonly of: number;
  /** Records that the run archived before it counted. */
  readonly archived: number;
  /**
   * For a push, when the venue deleted the newest of the counted records, in microseconds since 1970. Null for a pull,
   * which lists missing records only once.
   */
  readonly newestDeletionEpochUs: number | null;
}

/**
 * Makes a waiting run retry at once, because its account was connected again or a person asked. A run that is not
 * waiting ignores it.
 */
export const WAKE_SIGNAL = 'wake';

export const SYNC_PHASES = [
  'queued',
  'estimating',
  'running',
  'waiting',
  'awaiting-approval',
  'finishing',
  'finished',
] as const;
export type SyncPhase = (typeof SYNC_PHASES)[number];

export const SYNC_OUTCOMES = ['completed', 'completed-with-rejections', 'cancelled', 'failed'] as const;
export type SyncOutcome = (typeof SYNC_OUTCOMES)[number];

/** Subjects of a line in a run's log. */
export const SYNC_LOG_ACTIONS = [
  'phase',
  'created',
  'updated',
  'archived',
  'rejected',
  'conflict',
  'deviation',
  'anomaly',
  'note',
  'finished',
] as const;
export type SyncLogAction = (typeof SYNC_LOG_ACTIONS)[number];

/** A dry run's decision on a record. */
export const PLAN_ACTIONS = ['create', 'update', 'archive', 'skip', 'reject', 'conflict'] as const;
export type PlanAction = (typeof PLAN_ACTIONS)[number];

export interface SyncCounts {
  readonly read: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly archived: number;
  readonly rejected: number;
  readonly conflicts: number;
}

/** The progress of a run for the Temporal Web UI. Numbers only. */
export interface SyncProgress {
  readonly done: number;
  readonly total: number | null;
  readonly counts: SyncCounts;
  readonly providerCalls: number;
}

/** Answer of `beginSync`. `resumed` marks a reset or repeated run, which continues from the last committed page. */
export interface BeginSyncResult extends SyncProgress {
  readonly resumed: boolean;
}

export interface SyncChunkResult extends SyncProgress {
  /**
   * `done`: everything is read or written. `more`: call again. `stopped`: somebody asked the run to stop.
   * `needs-approval`: a person has to approve first.
   */
  readonly status: 'done' | 'more' | 'stopped' | 'needs-approval';
  /** With `needs-approval`: what the run would archive. */
  readonly awaiting?: ArchivingCount;
}

/** Reasons for a run to wait, shown as `waitingFor.what` in the API. */
export const WAITING_FOR = [
  'needs-reauth',
  /** The account's owner has not granted what the run needs. */
  'scopes-missing',
  'rate-limit',
  'quota',
  'provider-unavailable',
  /** The provider answers, but not in its own protocol. */
  'provider-unexpected-response',
  'key-service-unavailable',
  'database-unavailable',
  /** Any failure on our side. */
  'internal',
  'approval',
] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** Consecutive failures for one reason, and their start. */
export interface ParkedSync {
  readonly what: Exclude<WaitingFor, 'approval'>;
  readonly sinceMs: number;
  readonly failures: number;
}

export interface ParkSyncInput extends SyncConnectionInput {
  readonly what: Exclude<WaitingFor, 'approval'>;
  /** When the run retries by itself, ISO 8601 UTC. */
  readonly until: string;
}

export interface NoteApprovalInput extends SyncConnectionInput {
  readonly by: string;
}

export interface SyncFailureInfo {
  readonly type: string;
  readonly message: string;
}

export interface FinishSyncInput extends SyncConnectionInput {
  readonly end: 'done' | 'cancelled' | 'failed';
  readonly failure?: SyncFailureInfo;
}

export interface SyncSummary extends SyncProgress {
  readonly outcome: SyncOutcome;
}

/** Short steps on our own database. Runs on the `internal` queue. */
export interface SyncControlActivities {
  readonly beginSync: (input: SyncConnectionInput) => Promise<BeginSyncResult>;
  /** Makes a running chunk stop at its next page, sooner than its heartbeat would. */
  readonly requestStop: (input: SyncConnectionInput) => Promise<void>;
  readonly finishSync: (input: FinishSyncInput) => Promise<SyncSummary>;
  /** Shows what the run waits for, on the run and for `needs-reauth` also on the connection. */
  readonly parkSync: (input: ParkSyncInput) => Promise<void>;
  readonly noteApproval: (input: NoteApprovalInput) => Promise<void>;
}

/**
 * What a Schedule starts: opens a run and waits for it as a child workflow, so that the Schedule does not start a
 * second one.
 */
export const SCHEDULED_SYNC = 'scheduledSync';

export interface ScheduledSyncInput extends SyncKey {
  /** The provider's display name, for the run's summary in the Web UI. */
  readonly providerName: string;
  /**
   * The interval of full passes; null for never. Undefined in schedules from before this option, which use the default.
   */
  readonly fullEveryMs?: number | null;
  /** Opens a run that covers only the records of dead letters which are to be retried. */
  readonly deadLettersOnly?: true;
}

/** Null when there is nothing to run: another run of the sync is open, or the connection is not active. */
export interface OpenScheduledRunResult {
  readonly run: SyncConnectionInput | null;
  readonly skipped: 'already-running' | 'connection-not-active' | 'connection-gone' | null;
}

/**
 * The memo of the Schedule's workflow, during and after its run. `syncId` is null until a run is open, and when none
 * was opened.
 */
export interface ScheduledSyncMemo {
  readonly syncId: SyncId | null;
  readonly skipped: OpenScheduledRunResult['skipped'];
}

export interface ScheduledSyncResult extends ScheduledSyncMemo {
  readonly outcome: SyncOutcome | null;
  /** The type of the run's failure; the run has the details. */
  readonly errorType: string | null;
}

export interface SchedulingActivities {
  /**
   * Opens a run, incremental unless a full pass is due, or returns why there is none to start. A repeat after a lost
   * answer finds the run that it opened.
   */
  readonly openScheduledRun: (input: ScheduledSyncInput) => Promise<OpenScheduledRunResult>;
}

/** A Schedule's id in Temporal. */
export const scheduleId = (connectionId: string, resource: Resource): string => `schedule/${connectionId}/${resource}`;

/** Minutes of work against the provider. Runs on the provider's own queue. */
export interface SyncChunkActivities {
  readonly syncChunk: (input: SyncConnectionInput) => Promise<SyncChunkResult>;
}

/**
 * Allows one sync per connection, resource and direction at a time, and one dry run: Temporal rejects a second start
 * with the same id.
 */
export function syncWorkflowId(
  key: Pick<SyncKey, 'venueId' | 'connectionId' | 'resource' | 'direction'> & { readonly dryRun?: boolean | undefined },
): string {
  return `sync/${key.venueId}/${key.connectionId}/${key.resource}/${key.direction}${key.dryRun === true ? '/dry-run' : ''}`;
}
