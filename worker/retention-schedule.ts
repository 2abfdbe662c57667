import type { RetentionConfig } from '../config/config.ts';
import { REMOVE_EXPIRED_ROWS, RETENTION_SCHEDULE_ID, RETENTION_TABLES } from '../contracts/retention.ts';
import type { RemoveExpiredRowsInput, RetentionRule, RetentionTable } from '../contracts/retention.ts';
import { WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { keepSchedule } from './kept-schedule.ts';
import type { KeptScheduleOptions, ScheduleDefinition } from './kept-schedule.ts';

export interface RetentionScheduleOptions extends KeptScheduleOptions {
  readonly retention: RetentionConfig;
}

/** Spreads the load when several installations share a Temporal or a Postgres. */
const JITTER_SHARE = 0.1;

/** Keeps the Schedule that removes expired rows as this configuration says. */
export function keepRetentionSchedule({ retention, ...options }: RetentionScheduleOptions): Promise<void> {
  return keepSchedule(RETENTION_SCHEDULE_ID, definitionOf(retention), options);
}

function definitionOf(retention: RetentionConfig): ScheduleDefinition {
  const everyMs = retention.everyMinutes * 60_000;
  const input: RemoveExpiredRowsInput = { rules: rulesOf(retention) };
  return {
    spec: { intervals: [{ every: everyMs }], jitter: everyMs * JITTER_SHARE },
    // Ticks missed while Temporal was away are skipped: the next run removes the same rows.
    policies: { overlap: 'SKIP', catchupWindow: 60_000 },
    action: {
      type: 'startWorkflow',
      workflowType: REMOVE_EXPIRED_ROWS,
      // Temporal appends the time to this id.
      workflowId: RETENTION_SCHEDULE_ID,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      staticSummary: 'Remove expired rows',
    },
  };
}

/** The retention rules of this configuration, in the order in which rows are removed. */
function rulesOf(retention: RetentionConfig): readonly RetentionRule[] {
  const { auditDays, runDays, syncLogDays, planDays, webhookBodyDays, webhookEventDays, outgoingMessageDays } =
    retention;
  const keptDays: Partial<Record<RetentionTable, number>> = {
    webhook_event_bodies: webhookBodyDays,
    webhook_events: webhookEventDays,
    outgoing_messages: outgoingMessageDays,
    sync_logs: syncLogDays,
    sync_plan_items: planDays,
    sync_runs: runDays,
    merge_conflicts: runDays,
    dead_letters: runDays,
    admin_jobs: runDays,
    reconciliations: runDays,
    audit_log: auditDays,
  };
  return RETENTION_TABLES.map((table) => ({ table, keptDays: keptDays[table] ?? null }));
}
