import { z } from 'zod';
import type { ConnectionId, SyncId } from '../../contracts/ids.ts';
import { WAITING_FOR } from '../../contracts/sync.ts';
import type { SyncPhase } from '../../contracts/sync.ts';
import type { SyncWindow } from '../../db/runs/sync-run-opening.ts';
import type { SyncLogRow, SyncRun } from '../../db/runs/sync-run-store.ts';
import { whereRight } from './combined-fields.ts';
import { instant, orNull, paging, timestamp, uuid } from './common.ts';
import { direction, resource, syncLogAction, syncLogLevel, syncMode, syncOutcome, syncPhase } from './words.ts';

const connectionId = uuid.transform((id) => id as ConnectionId);

const startSync = z.strictObject({
  connectionId,
  resource,
  direction,
  mode: syncMode,
  dryRun: z.boolean().optional().meta({ description: 'Reads and decides, writes to neither side, and leaves a plan.' }),
  from: instant
    .optional()
    .meta({ description: 'Of a pull: only what was created at the provider then or later.', format: 'date-time' }),
  to: instant
    .optional()
    .meta({ description: 'Of a pull: only what was created at the provider before.', format: 'date-time' }),
  planId: uuid
    .transform((id) => id as SyncId)
    .optional()
    .meta({
      description:
        'The dry run to carry out. Without it a run takes on the newest one of the same sync, mode and window that is still good.',
    }),
});

/** A wrong `mode` or `resource` hides no wrong window. */
const WINDOW_FIELDS = whereRight('direction', 'dryRun', 'from', 'to', 'planId');

export const startSyncBody = startSync.superRefine(checkWindow, WINDOW_FIELDS).meta({ id: 'StartSync' });

/** Like `startSyncBody`, limited to these resources. */
export const startSyncBodyAmong = (resources: readonly string[]) =>
  startSync.extend({ resource: z.enum(resources) }).superRefine(checkWindow, WINDOW_FIELDS);

interface WindowFields {
  readonly direction: string;
  readonly dryRun?: boolean | undefined;
  readonly from?: Date | undefined;
  readonly to?: Date | undefined;
  readonly planId?: SyncId | undefined;
}

/** In whole seconds, as the run will request it. */
const secondOf = (date: Date) => Math.ceil(date.getTime() / 1_000);

type Refuse = (path: keyof WindowFields, message: string) => void;

function checkWindow(fields: WindowFields, context: z.RefinementCtx): void {
  const refuse: Refuse = (path, message) => {
    context.addIssue({ code: 'custom', path: [path], message });
  };
  if (fields.planId !== undefined && fields.dryRun) refuse('planId', 'A dry run carries no plan out');
  // An invalid time is rejected by its own schema and arrives here unchanged.
  if (fields.direction === 'pull') checkOrder({ from: timeOrNull(fields.from), to: timeOrNull(fields.to) }, refuse);
  else for (const path of ['from', 'to'] as const) if (fields[path]) refuse(path, 'Only a pull takes a window');
}

const timeOrNull = (value: unknown) => (value instanceof Date ? value : null);

function checkOrder({ from, to }: SyncWindow, refuse: Refuse): void {
  if (from && from.getTime() < 0) refuse('from', 'Must not be before 1970');
  else if (to && secondOf(to) <= (from ? secondOf(from) : 0))
    refuse('to', from ? 'Must be at least a second after `from`' : 'Must be after the beginning of 1970');
}

export const syncListQuery = z.strictObject({ ...paging, connectionId: connectionId.optional() });

export const syncLogQuery = z.strictObject({
  ...paging,
  level: syncLogLevel.optional(),
  action: syncLogAction.optional(),
});

const count = z.int().min(0);

export const syncAnswer = z
  .object({
    id: z.uuid(),
    connectionId: z.uuid(),
    resource,
    direction,
    mode: syncMode,
    dryRun: z.boolean(),
    deadLettersOnly: z.boolean().meta({ description: 'It retries dead letters, and covers no other record.' }),
    window: z
      .object({ from: timestamp.nullable(), to: timestamp.nullable() })
      .nullable()
      .meta({ description: 'Only what was created at the provider in [from, to).' }),
    plan: z.object({ id: z.uuid(), deviations: count }).nullable().meta({
      description:
        'The dry run that this run carries out, and how many records came out otherwise: the log names them.',
    }),
    phase: syncPhase,
    startedAt: timestamp.nullable(),
    finishedAt: timestamp.nullable(),
    progress: z.object({
      done: count,
      total: count.nullable(),
      ratePerSecond: z.number(),
      estimatedSecondsLeft: count.nullable(),
    }),
    counts: z.object({
      read: count,
      created: count,
      updated: count,
      unchanged: count,
      archived: count,
      rejected: count,
      conflicts: count,
    }),
    providerCalls: count,
    waitingFor: z
      .object({ what: z.string(), since: timestamp, until: timestamp.nullable() })
      .nullable()
      .meta({ description: `What the run waits for (${WAITING_FOR.join(', ')}), and when it next looks by itself.` }),
    awaiting: z
      .object({ archiving: count, of: count })
      .nullable()
      .meta({ description: 'What needs approval: how many records would be archived, of how many.' }),
    approvedAt: timestamp.nullable(),
    outcome: orNull(syncOutcome),
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
    level: syncLogLevel,
    action: syncLogAction,
    recordId: z.uuid().nullable(),
    sourceId: z.string().nullable(),
    externalId: z.string().nullable(),
    code: z.string().nullable(),
    message: z.string().nullable(),
  })
  .meta({ id: 'SyncLogEntry' });

/** Where the Temporal Web UI shows a run. Without `baseUrl` there is no such UI. */
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
    dryRun: run.dryRun,
    deadLettersOnly: run.deadLettersOnly,
    window: run.window && { from: iso(run.window.from), to: iso(run.window.to) },
    plan: run.planId === null ? null : { id: run.planId, deviations: run.deviationCount },
    phase: run.phase,
    startedAt: iso(run.startedAt),
    finishedAt: iso(run.finishedAt),
    progress: {
      done: run.done,
      total: run.total,
      ratePerSecond: run.ratePerSecond,
      estimatedSecondsLeft: secondsLeft(run),
    },
    counts: { ...run.counts },
    providerCalls: run.providerCalls,
    waitingFor: run.waitingFor && {
      what: run.waitingFor.what,
      since: run.waitingFor.since,
      until: run.waitingFor.until,
    },
    awaiting: run.awaiting && { archiving: run.awaiting.archiving, of: run.awaiting.of },
    approvedAt: iso(run.approvedAt),
    outcome: run.outcome,
    error: run.error && { ...run.error },
    workflowId: run.workflowId,
    runId: run.workflowRunId,
    temporalUrl: temporalUrl(run, ui),
  };
}

const iso = (date: Date | null) => date?.toISOString() ?? null;

export function presentSyncLog(row: SyncLogRow): z.input<typeof syncLogAnswer> {
  return { ...row, at: row.at.toISOString() };
}

/** Null without a total or a measured rate, and while the run waits, instead of a guess. */
function secondsLeft(run: SyncRun): number | null {
  if (run.finishedAt || run.waitingFor || AT_REST.includes(run.phase) || run.total === null || run.ratePerSecond <= 0)
    return null;
  return Math.ceil(Math.max(0, run.total - run.done) / run.ratePerSecond);
}

const AT_REST: readonly SyncPhase[] = ['queued', 'waiting', 'awaiting-approval'];

/** Where the Temporal Web UI shows a workflow; null when there is no such UI. */
export function temporalUrl(
  run: Pick<SyncRun, 'workflowId' | 'workflowRunId'>,
  { baseUrl, namespace }: TemporalUi,
): string | null {
  if (baseUrl === null) return null;
  const workflow = `${baseUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(run.workflowId)}`;
  return run.workflowRunId === null ? workflow : `${workflow}/${run.workflowRunId}`;
}
