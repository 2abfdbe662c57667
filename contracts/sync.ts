import type { ConnectionRef, SyncId } from './ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from './providers.ts';

// Every name and shape in this file is stored in workflow histories: add fields, never rename or reuse one.
// Payloads carry ids, cursors and counts. Secrets and customers' records stay inside activities.

export const SYNC_CONNECTION = 'syncConnection';

export interface SyncKey extends ConnectionRef {
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Exclude<Direction, 'both'>;
}

export interface SyncConnectionInput extends SyncKey {
  readonly syncId: SyncId;
  readonly mode: SyncMode;
  /** Reads and decides, and writes to neither side. */
  readonly dryRun?: true;
  /** Only what was created at the provider in [fromEpochS, toEpochS). Pulls only. */
  readonly window?: { readonly fromEpochS: number | null; readonly toEpochS: number | null };
  /** The dry run whose plan this run carries out: it tells where it came out otherwise. */
  readonly planId?: SyncId;
  /** Set only when this run continues an earlier one of the same sync. */
  readonly continued?: true;
  /** What the workflow waited for when it continued as new; null for nothing. */
  readonly parked?: ParkedSync | null;
}

/** Lets a run that waits for approval go on. From the API, or by hand in the Temporal Web UI; a run that does not wait ignores it. */
export const APPROVE_SIGNAL = 'approve';
export interface ApproveSignal {
  /** Who approved, as the audit log names them: a subject, never an address. */
  readonly by: string;
  /** What the person was shown. Absent for a signal sent by hand: that one approves what the run waits for when it arrives. */
  readonly awaiting?: ArchivingCount;
}

/** What a run has counted before it archives: numbers and times only, so that it may stand in histories. */
export interface ArchivingCount {
  /** Records that the run would archive, and of how many. */
  readonly archiving: number;
  readonly of: number;
  /** Records that the run had archived before it counted. */
  readonly archived: number;
  /** Of a push: when the venue deleted the newest of the counted records, in microseconds since 1970. Null for a pull, whose missing records are listed once. */
  readonly newestDeletionEpochUs: number | null;
}

/** Makes a waiting run look again at once: its account was connected anew, or a person asks. A run that does not wait ignores it. */
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

/** What a line of a run's log may be about. */
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

/** What a dry run says of a record. */
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

/** How far a run has come, as the Temporal Web UI shows it: numbers only. */
export interface SyncProgress {
  readonly done: number;
  readonly total: number | null;
  readonly counts: SyncCounts;
  readonly providerCalls: number;
}

/** Answer of `beginSync`. `resumed` tells a reset or repeated run, which goes on from the last committed page. */
export interface BeginSyncResult extends SyncProgress {
  readonly resumed: boolean;
}

export interface SyncChunkResult extends SyncProgress {
  /** `done`: everything is read or written; `more`: call again; `stopped`: someone asked the run to stop; `needs-approval`: a person has to say yes first. */
  readonly status: 'done' | 'more' | 'stopped' | 'needs-approval';
  /** With `needs-approval`: what the run would archive. */
  readonly awaiting?: ArchivingCount;
}

/** What a run may wait for; `waitingFor.what` in the API. */
export const WAITING_FOR = [
  'needs-reauth',
  'rate-limit',
  'quota',
  'provider-unavailable',
  /** The provider answers, and not in its own protocol. */
  'provider-unexpected-response',
  'key-service-unavailable',
  'database-unavailable',
  /** Something fails on our side, whatever it is. */
  'internal',
  'approval',
] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** Failures in a row for one reason, and since when. */
export interface ParkedSync {
  readonly what: Exclude<WaitingFor, 'approval'>;
  readonly sinceMs: number;
  readonly failures: number;
}

export interface ParkSyncInput extends SyncConnectionInput {
  readonly what: Exclude<WaitingFor, 'approval'>;
  /** When the run looks again by itself, ISO 8601 UTC. */
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

/** Short steps on our own database: the `internal` queue. */
export interface SyncControlActivities {
  readonly beginSync: (input: SyncConnectionInput) => Promise<BeginSyncResult>;
  /** Makes a chunk in progress stop at its next page, sooner than a heartbeat would tell it. */
  readonly requestStop: (input: SyncConnectionInput) => Promise<void>;
  readonly finishSync: (input: FinishSyncInput) => Promise<SyncSummary>;
  /** Shows on the run, and for `needs-reauth` on the connection, what it waits for. */
  readonly parkSync: (input: ParkSyncInput) => Promise<void>;
  readonly noteApproval: (input: NoteApprovalInput) => Promise<void>;
}

/** What a Schedule starts: it opens a run, waits for its end as its child, and so keeps the Schedule from starting a second. */
export const SCHEDULED_SYNC = 'scheduledSync';

export interface ScheduledSyncInput extends SyncKey {
  /** What a person calls the provider: stands in the summary of the run in the Web UI. */
  readonly providerName: string;
  /** How often a run goes through everything; null for never. Undefined in a schedule from before there was a choice: the default. */
  readonly fullEveryMs?: number | null;
}

/** Null when there is nothing to run: another run of the sync is open, or the connection is not active. */
export interface OpenScheduledRunResult {
  readonly run: SyncConnectionInput | null;
  readonly skipped: 'already-running' | 'connection-not-active' | 'connection-gone' | null;
}

/** What the Schedule's workflow says of itself while it runs and after, in its memo. `syncId` is null until a run is open, and when none was. */
export interface ScheduledSyncMemo {
  readonly syncId: SyncId | null;
  readonly skipped: OpenScheduledRunResult['skipped'];
}

export interface ScheduledSyncResult extends ScheduledSyncMemo {
  readonly outcome: SyncOutcome | null;
  /** The type of the run's failure; the run itself says more. */
  readonly errorType: string | null;
}

export interface SchedulingActivities {
  /** Opens a run, incremental unless a full pass is due, or says why there is none to start. Repeating it after a lost answer finds the run that it opened. */
  readonly openScheduledRun: (input: ScheduledSyncInput) => Promise<OpenScheduledRunResult>;
}

/** A Schedule's id in Temporal. */
export const scheduleId = (connectionId: string, resource: Resource): string => `schedule/${connectionId}/${resource}`;

/** Minutes of work against the provider: the provider's own queue. */
export interface SyncChunkActivities {
  readonly syncChunk: (input: SyncConnectionInput) => Promise<SyncChunkResult>;
}

/** One sync per connection, resource and direction at a time, and one dry run: Temporal refuses a second start under the same id. */
export function syncWorkflowId(
  key: Pick<SyncKey, 'venueId' | 'connectionId' | 'resource' | 'direction'> & { readonly dryRun?: boolean | undefined },
): string {
  return `sync/${key.venueId}/${key.connectionId}/${key.resource}/${key.direction}${key.dryRun === true ? '/dry-run' : ''}`;
}
