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
  /** Set only when this run continues an earlier one of the same sync. */
  readonly continued?: true;
}

export const SYNC_PHASES = ['queued', 'estimating', 'running', 'waiting', 'awaiting-approval', 'finishing', 'finished'] as const;
export type SyncPhase = (typeof SYNC_PHASES)[number];

export const SYNC_OUTCOMES = ['completed', 'completed-with-rejections', 'cancelled', 'failed'] as const;
export type SyncOutcome = (typeof SYNC_OUTCOMES)[number];

/** What a line of a run's log may be about. */
export const SYNC_LOG_ACTIONS = ['phase', 'created', 'updated', 'archived', 'rejected', 'conflict', 'deviation', 'anomaly', 'finished'] as const;
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
  /** `done`: everything is read or written; `more`: call again; `stopped`: someone asked the run to stop. */
  readonly status: 'done' | 'more' | 'stopped';
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
}

/** Minutes of work against the provider: the provider's own queue. */
export interface SyncChunkActivities {
  readonly syncChunk: (input: SyncConnectionInput) => Promise<SyncChunkResult>;
}

/** One sync per connection, resource and direction at a time: Temporal refuses a second start under the same id. */
export function syncWorkflowId(key: Pick<SyncKey, 'venueId' | 'connectionId' | 'resource' | 'direction'>): string {
  return `sync/${key.venueId}/${key.connectionId}/${key.resource}/${key.direction}`;
}
