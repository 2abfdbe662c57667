import type { ConnectionId, RecordId, SyncId, VenueId } from '../contracts/ids.ts';
import type { Direction, ProviderId, Resource, SyncMode } from '../contracts/providers.ts';
import type { SyncCounts, SyncOutcome, SyncPhase } from '../contracts/sync.ts';
import type { Page, PageRequest } from './page.ts';

export interface SyncRun {
  readonly id: SyncId;
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Direction;
  readonly mode: SyncMode;
  readonly phase: SyncPhase;
  readonly outcome: SyncOutcome | null;
  readonly error: { readonly code: string; readonly message: string; readonly nextAction: string } | null;
  readonly waitingFor: { readonly what: string; readonly since: string; readonly until: string | null } | null;
  readonly done: number;
  readonly total: number | null;
  readonly ratePerSecond: number;
  readonly counts: SyncCounts;
  readonly providerCalls: number;
  readonly workflowId: string;
  readonly workflowRunId: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly updatedAt: Date;
}

export interface SyncLogRow {
  readonly seq: number;
  readonly at: Date;
  readonly level: 'info' | 'warn' | 'error';
  readonly action: 'phase' | 'created' | 'updated' | 'archived' | 'rejected' | 'conflict' | 'finished';
  readonly recordId: RecordId | null;
  readonly sourceId: string | null;
  readonly externalId: string | null;
  readonly code: string | null;
  readonly message: string | null;
}

export interface NewSyncRun {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
  readonly provider: ProviderId;
  readonly resource: Resource;
  readonly direction: Exclude<Direction, 'both'>;
  readonly mode: SyncMode;
  readonly requestedBy: string;
}

export interface SyncLogFilter {
  readonly level?: SyncLogRow['level'] | undefined;
  readonly action?: SyncLogRow['action'] | undefined;
}

/** Runs as the API reads and opens them. What a run does to itself is in `sync-progress-store.ts`. */
export interface SyncRunStore {
  /** Opens a run, or finds the open one of the same connection, resource and direction (`joined`). */
  openOrJoin(run: NewSyncRun): Promise<{ readonly run: SyncRun; readonly joined: boolean }>;
  find(venueId: VenueId, id: SyncId): Promise<SyncRun | null>;
  /** Newest first. */
  list(venueId: VenueId, filter: { readonly connectionId?: ConnectionId | undefined }, page: PageRequest): Promise<Page<SyncRun>>;
  /** Oldest first; `after` is a `seq`. */
  listLog(venueId: VenueId, id: SyncId, query: { readonly filter: SyncLogFilter; readonly page: PageRequest }): Promise<Page<SyncLogRow>>;
  setWorkflowRunId(venueId: VenueId, id: SyncId, workflowRunId: string): Promise<void>;
}
