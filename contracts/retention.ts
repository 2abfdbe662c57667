// Every name and shape in this file is stored in workflow histories: add fields, never rename or reuse one.

export const REMOVE_EXPIRED_ROWS = 'removeExpiredRows';

/** The id of the one Schedule that removes expired rows. */
export const RETENTION_SCHEDULE_ID = 'retention';

/** Tables of which rows are removed, in the order of removal: what belongs to a run goes before the run. */
export const RETENTION_TABLES = [
  'idempotency_keys',
  'connections',
  'authorization_exchanges',
  'provider_leases',
  'webhook_deliveries',
  'sync_logs',
  'sync_plan_items',
  'sync_runs',
  'admin_jobs',
  'audit_log',
] as const;
export type RetentionTable = (typeof RETENTION_TABLES)[number];

export interface RetentionRule {
  readonly table: RetentionTable;
  /** How long rows are kept; null where each row says itself how long it is good for. */
  readonly keptDays: number | null;
}

/** What the Schedule starts the workflow with: a later version may have other rules, and a history brings its own along. */
export interface RemoveExpiredRowsInput {
  readonly rules: readonly RetentionRule[];
}

export interface RemoveExpiredRowsResult {
  /** Rows by table. What a lost attempt removed after its last heartbeat is not counted. */
  readonly removed: Readonly<Partial<Record<RetentionTable, number>>>;
}

export interface RemoveExpiredInput extends RetentionRule {
  /** Where an earlier call stopped; null for the beginning. */
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
  /** Removes rows that a rule does not keep, page by page, for some minutes at most. */
  readonly removeExpired: (input: RemoveExpiredInput) => Promise<RemoveExpiredChunk>;
}
