// Workflow histories store every name and shape in this file: add fields, never rename or reuse one.

export const REMOVE_EXPIRED_ROWS = 'removeExpiredRows';

/** The id of the Schedule that removes expired rows. */
export const RETENTION_SCHEDULE_ID = 'retention';

/** Tables from which rows are removed, in order of removal: what belongs to a run before the run itself. */
export const RETENTION_TABLES = [
  'idempotency_keys',
  // What attempts to connect have left is revoked before the connection's row takes it along.
  'authorization_exchanges',
  'connections',
  'provider_leases',
  'report_answers',
  'webhook_event_bodies',
  'webhook_events',
  'outgoing_messages',
  'sync_logs',
  'sync_plan_items',
  'sync_runs',
  'merge_conflicts',
  'dead_letters',
  'admin_jobs',
  'reconciliations',
  'audit_log',
] as const;
export type RetentionTable = (typeof RETENTION_TABLES)[number];

export interface RetentionRule {
  readonly table: RetentionTable;
  /** How long rows are kept; null when each row has its own expiry. */
  readonly keptDays: number | null;
}

/**
 * The input with which the Schedule starts the workflow. It contains the rules, because a later version may have others
 * and a history must keep its own.
 */
export interface RemoveExpiredRowsInput {
  readonly rules: readonly RetentionRule[];
}

export interface RemoveExpiredRowsResult {
  /** Removed rows by table. Excludes what a lost attempt removed after its last heartbeat. */
  readonly removed: Readonly<Partial<Record<RetentionTable, number>>>;
}

export interface RemoveExpiredInput extends RetentionRule {
  /** Where an earlier call stopped; null to start at the beginning. */
  readonly after: string | null;
}

export interface RemoveExpiredChunk {
  readonly removed: number;
  readonly after: string | null;
  /** Call again with `after`. */
  readonly more: boolean;
}

/** The `internal` queue. */
export interface RetentionActivities {
  /** Removes the rows that a rule does not keep, page by page, for a few minutes at most. */
  readonly removeExpired: (input: RemoveExpiredInput) => Promise<RemoveExpiredChunk>;
}
