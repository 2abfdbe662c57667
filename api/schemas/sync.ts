import { z } from 'zod';
import type { ConnectionId } from '../../contracts/ids.ts';
import { DIRECTIONS, RESOURCES, SYNC_MODES } from '../../contracts/providers.ts';
import { SYNC_LOG_ACTIONS, SYNC_OUTCOMES, SYNC_PHASES } from '../../contracts/sync.ts';
import type { SyncLogRow, SyncRun } from '../../db/sync-run-store.ts';
import { paging, timestamp, uuid } from './common.ts';

const connectionId = uuid.transform((id) => id as ConnectionId);

export const startSyncBody = z
  .strictObject({
    connectionId,
    resource: z.enum(RESOURCES),
    direction: z.enum(DIRECTIONS).meta({ description: '`push`: venue to provider. `pull`: provider to venue.' }),
    mode: z.enum(SYNC_MODES),
    dryRun: z.boolean().optional().meta({ description: 'Only `false` is taken yet.' }),
  })
  .meta({ id: 'StartSync' });

export const syncListQuery = z.strictObject({ ...paging, connectionId: connectionId.optional() });

const LOG_LEVELS = ['info', 'warn', 'error'] as const;

export const syncLogQuery = z.strictObject({ ...paging, level: z.enum(LOG_LEVELS).optional(), action: z.enum(SYNC_LOG_ACTIONS).optional() });

const count = z.int().min(0);

export const syncAnswer = z
  .object({
    id: z.uuid(),
    connectionId: z.uuid(),
    resource: z.enum(RESOURCES),
    direction: z.enum(DIRECTIONS),
    mode: z.enum(SYNC_MODES),
    dryRun: z.boolean(),
    phase: z.enum(SYNC_PHASES),
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    progress: z.object({ done: count, total: count.nullable(), ratePerSecond: z.number(), estimatedSecondsLeft: count.nullable() }),
    counts: z.object({ read: count, created: count, updated: count, unchanged: count, archived: count, rejected: count, conflicts: count }),
    providerCalls: count,
    waitingFor: z.object({ what: z.string(), since: timestamp, until: timestamp.nullable() }).nullable(),
    outcome: z.enum(SYNC_OUTCOMES).nullable(),
    error: z.object({ code: z.string(), message: z.string(), nextAction: z.string() }).nullable(),
    workflowId: z.string(),
    runId: z.string().nullable(),
    temporalUrl: z.string().nullable().meta({ description: 'The run in the Temporal Web UI.' }),
  })
  .meta({ id: 'SyncRun' });

export const syncLogAnswer = z
  .object({
    seq: z.int().meta({ description: 'Grows through the run; the id of a live event begins with it.' }),
    at: timestamp,
    level: z.enum(LOG_LEVELS),
    action: z.enum(SYNC_LOG_ACTIONS),
    recordId: z.uuid().nullable(),
    sourceId: z.string().nullable(),
    externalId: z.string().nullable(),
    code: z.string().nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: 'SyncLogEntry' });

/** Where the Temporal Web UI shows a run. Null `baseUrl`: there is no such UI. */
export interface TemporalUi {
  readonly baseUrl: string | null;
  readonly namespace: string;
}

export function presentSync(run: SyncRun, ui: TemporalUi): z.input<typeof syncAnswer> {
  return {
    id: run.id,
    connectionId: run.connectionId,
    resource: run.resource,
    direction: run.direction,
    mode: run.mode,
    dryRun: false,
    phase: run.phase,
    startedAt: run.startedAt?.toISOString() ?? null,
    finishedAt: run.finishedAt?.toISOString() ?? null,
    progress: { done: run.done, total: run.total, ratePerSecond: run.ratePerSecond, estimatedSecondsLeft: secondsLeft(run) },
    counts: { ...run.counts },
    providerCalls: run.providerCalls,
    waitingFor: run.waitingFor && { ...run.waitingFor },
    outcome: run.outcome,
    error: run.error && { ...run.error },
    workflowId: run.workflowId,
    runId: run.workflowRunId,
    temporalUrl: temporalUrl(run, ui),
  };
}

export function presentSyncLog(row: SyncLogRow): z.input<typeof syncLogAnswer> {
  return { ...row, at: row.at.toISOString() };
}

function secondsLeft(run: SyncRun): number | null {
  if (run.finishedAt || run.total === null || run.ratePerSecond <= 0) return null;
  return Math.ceil(Math.max(0, run.total - run.done) / run.ratePerSecond);
}

function temporalUrl(run: SyncRun, { baseUrl, namespace }: TemporalUi): string | null {
  if (baseUrl === null) return null;
  const workflow = `${baseUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run.workflowId)}`;
  return run.workflowRunId === null ? workflow : `${workflow}/${run.workflowRunId}`;
}
