import { z } from 'zod';
import { scheduleId } from '../../contracts/sync.ts';
import type { ConnectionRef } from '../../contracts/ids.ts';
import { parseCron } from '../../domain/schedule/cron.ts';
import { MAX_FULL_EVERY_MS, MIN_FULL_EVERY_MS, fullPassDueAt } from '../../domain/sync/full-pass.ts';
import type { FullPasses } from '../../domain/sync/full-pass.ts';
import {
  MAX_EVERY_MS,
  MAX_JITTER_MS,
  MIN_EVERY_MS,
  formatDuration,
  parseDuration,
} from '../../domain/schedule/schedule-timing.ts';
import type { Schedule } from '../temporal/schedule-gateway.ts';
import { whereRight } from './combined-fields.ts';
import { orNull, timestamp } from './common.ts';
import type { TemporalUi } from './sync.ts';
import { timeZone } from './venue.ts';
import { direction, resource } from './words.ts';

const skipReason = z.enum(['already-running', 'connection-not-active', 'connection-gone']).meta({ id: 'SkipReason' });

const duration = (minMs: number, maxMs: number) =>
  z
    .string()
    .max(20)
    .transform((text, context) => {
      const durationMs = parseDuration(text);
      if (durationMs !== null && durationMs >= minMs && durationMs <= maxMs) return durationMs;
      context.addIssue({
        code: 'custom',
        message: `Must be a whole number of s, m, h or d from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, such as 15m`,
      });
      return z.NEVER;
    });

const cron = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .superRefine((text, context) => {
    const parsed = parseCron(text);
    if (!parsed.ok) context.addIssue({ code: 'custom', message: parsed.message });
  });

/** Fields are validated by their own schemas; this rule is about their combination. */
const ONLY_ONE = 'Send either `every` or `cron`';

export const scheduleBody = z
  .strictObject({
    every: duration(MIN_EVERY_MS, MAX_EVERY_MS).optional().meta({
      description: 'The time between two runs, `1m` to `31d`. The first comes one interval from now.',
      example: '1h',
    }),
    cron: cron.optional().meta({
      description:
        'Five fields as in crontab(5): minute, hour, day of the month, month, day of the week. Where both days are limited, either may match.',
      example: '30 6 * * mon-fri',
    }),
    timeZone: timeZone.optional().meta({
      description:
        'Of `cron`; the venue’s when it is left out. A time that a change of the clocks leaves out does not come; one that it repeats comes once. In the night in which the clocks go back, several times an hour may pause for up to 75 minutes: `every` does not.',
    }),
    direction: direction.default('pull'),
    jitter: duration(0, MAX_JITTER_MS).optional().meta({
      description:
        'Each run comes up to this much later, which spreads the load of many venues. When left out: a tenth of `every` and at most `5m`; for `cron` `1m`.',
      example: '5m',
    }),
    fullEvery: duration(MIN_FULL_EVERY_MS, MAX_FULL_EVERY_MS).nullable().optional().meta({
      description:
        'How often a run goes through everything, `1h` to `90d`, in place of an incremental one; `null` for never. When left out it stays as it is; a new schedule has `7d`.',
      example: '7d',
    }),
    paused: z
      .boolean()
      .optional()
      .meta({ description: 'When left out it stays as it is; a new schedule is not paused.' }),
    note: z
      .string()
      .max(200)
      .nullable()
      .optional()
      .meta({ description: 'For people; shown in the Temporal Web UI too. When left out it stays as it is.' }),
  })
  .superRefine(
    ({ every, cron: expression, timeZone: zone, jitter }, context) => {
      const wrong = (field: string, message: string) => {
        context.addIssue({ code: 'custom', path: [field], message });
      };
      if ((every === undefined) === (expression === undefined))
        for (const field of ['every', 'cron']) wrong(field, ONLY_ONE);
      if (zone !== undefined && expression === undefined)
        wrong('timeZone', 'Belongs to `cron`: an interval knows no clock');
      if (every !== undefined && jitter !== undefined && jitter >= every)
        wrong('jitter', 'Must be shorter than `every`');
    },
    whereRight('every', 'cron', 'timeZone', 'jitter'),
  );

const { every: everyField, cron: cronField, timeZone: timeZoneField, ...shared } = scheduleBody.shape;
const required = <T extends z.ZodType>(field: z.ZodOptional<T>) => field.unwrap().meta(field.meta() ?? {});
const DIRECTION_NOTE = '`direction` is `pull` when it is left out.';

/**
 * The same for the OpenAPI document: exactly one of `every` and `cron`, in a form that client generators understand.
 */
export const scheduleBodyShown = z
  .union([
    z
      .strictObject({ every: required(everyField), ...shared })
      .meta({ id: 'IntervalSchedule', description: `Runs every so often. ${DIRECTION_NOTE}` }),
    z
      .strictObject({ cron: required(cronField), timeZone: timeZoneField, ...shared })
      .meta({ id: 'ClockSchedule', description: `Runs at times of a clock. ${DIRECTION_NOTE}` }),
  ])
  .meta({ id: 'ScheduleSettings', description: 'Exactly one of `every` and `cron`.' });

export const scheduleAnswer = z
  .object({
    resource,
    direction,
    every: z.string().nullable(),
    cron: z
      .string()
      .nullable()
      .meta({ description: 'Null like `every` when somebody has set other times in the Temporal Web UI.' }),
    timeZone: z.string().nullable(),
    jitter: z.string(),
    fullEvery: z.string().nullable().meta({ description: 'How often a run goes through everything; null: never.' }),
    lastFullAt: timestamp
      .nullable()
      .meta({ description: 'When the last full pass ended, scheduled or not; null: none has.' }),
    nextFullAt: timestamp.nullable().meta({
      description:
        'The run that will be the next full pass, or from when on: up to a tenth earlier than `fullEvery` after the last began, and six hours after one that failed at the soonest. Null: never, or paused.',
    }),
    paused: z.boolean(),
    note: z.string().nullable(),
    nextRuns: z.array(timestamp).max(5).meta({ description: 'The next five, jitter included; none while paused.' }),
    lastRuns: z
      .array(
        z.object({
          at: timestamp,
          syncId: z.uuid().nullable().meta({ description: 'The run that was opened.' }),
          skipped: orNull(skipReason).meta({ description: 'Why none was.' }),
        }),
      )
      .max(5)
      .meta({
        description:
          'The last five, newest first. One that comes due while the one before it is at work does not appear.',
      }),
    scheduleId: z.string().meta({ description: 'Its id in Temporal.' }),
    temporalUrl: z.string().nullable().meta({ description: 'The schedule in the Temporal Web UI.' }),
  })
  .meta({ id: 'Schedule' });

export const deletedScheduleAnswer = z
  .object({ resource, scheduleId: z.string(), deleted: z.literal(true) })
  .meta({ id: 'DeletedSchedule' });

export interface ScheduleContext {
  readonly ref: ConnectionRef;
  readonly ui: TemporalUi;
  /** Of all syncs of the connection. */
  readonly fullPasses: readonly FullPasses[];
}

export function presentSchedule(
  schedule: Schedule,
  { ref: { connectionId }, ui: { baseUrl, namespace }, fullPasses }: ScheduleContext,
): z.input<typeof scheduleAnswer> {
  const { resource, direction, timing, jitterMs, fullEveryMs, paused, note, nextRuns, lastRuns } = schedule;
  const id = scheduleId(connectionId, resource);
  return {
    resource,
    direction,
    every: timing && 'everyMs' in timing ? formatDuration(timing.everyMs) : null,
    cron: timing && 'cron' in timing ? timing.cron : null,
    timeZone: timing && 'cron' in timing ? timing.timeZone : null,
    jitter: formatDuration(jitterMs),
    fullEvery: fullEveryMs === null ? null : formatDuration(fullEveryMs),
    ...fullPassesOf(schedule, { connectionId, fullPasses }),
    paused,
    note,
    nextRuns: nextRuns.map((time) => time.toISOString()),
    lastRuns: lastRuns.map(({ at, ...run }) => ({ at: at.toISOString(), ...run })),
    scheduleId: id,
    temporalUrl:
      baseUrl === null
        ? null
        : `${baseUrl}/namespaces/${encodeURIComponent(namespace)}/schedules/${encodeURIComponent(id)}`,
  };
}

function fullPassesOf(
  { resource, direction, fullEveryMs, nextRuns }: Schedule,
  { connectionId, fullPasses }: Pick<ConnectionRef, 'connectionId'> & Pick<ScheduleContext, 'fullPasses'>,
) {
  const last = fullPasses.find((passes) => passes.resource === resource && passes.direction === direction) ?? null;
  const next = firstFull(nextRuns, fullPassDueAt({ connectionId, resource }, fullEveryMs, last));
  return { lastFullAt: last?.finishedAt?.toISOString() ?? null, nextFullAt: next?.toISOString() ?? null };
}

/**
 * The first planned run that is a full pass, or the earliest time for one beyond the known runs. Null while no run is
 * planned.
 */
function firstFull(nextRuns: readonly Date[], dueAt: Date | null): Date | null {
  return dueAt === null || nextRuns.length === 0 ? null : (nextRuns.find((run) => run >= dueAt) ?? dueAt);
}
