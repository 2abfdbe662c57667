import { z } from 'zod';
import type { ReconciliationSchedule } from '../temporal/reconciliation-schedule-gateway.ts';
import { timestamp } from './common.ts';

const MAX_DAYS = 7;

const clockTime = z
  .string()
  .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'Must be a time from 00:00 to 23:59, such as 05:30')
  .meta({ description: 'When each day, in the venue’s time zone.', example: '05:30' });

export const reconciliationScheduleBody = z.strictObject({
  at: clockTime.default('05:00'),
  days: z.int().min(1).max(MAX_DAYS).default(2).meta({
    description:
      'How many days up to yesterday each run compares. More than one finds what a provider books late, such as a capture dated by its authorisation.',
  }),
  paused: z.boolean().default(false),
});

export const reconciliationScheduleAnswer = z
  .object({
    connectionId: z.uuid(),
    at: z.string().nullable().meta({ description: 'Null for times that were changed in the Temporal Web UI.' }),
    timeZone: z.string().meta({ description: 'The venue’s when the schedule was set.' }),
    days: z.int(),
    paused: z.boolean(),
    nextRuns: z.array(timestamp).meta({ description: 'Empty while it is paused. Each comes up to ten minutes later.' }),
  })
  .meta({ id: 'ReconciliationSchedule' });

export const deletedReconciliationScheduleAnswer = z
  .object({ connectionId: z.uuid(), deleted: z.literal(true) })
  .meta({ id: 'DeletedReconciliationSchedule' });

export function presentReconciliationSchedule(
  connectionId: string,
  { at, timeZone, days, paused, nextRuns }: ReconciliationSchedule,
): z.input<typeof reconciliationScheduleAnswer> {
  return {
    connectionId,
    at: at && `${padded(at.hour)}:${padded(at.minute)}`,
    ...{ timeZone, days, paused },
    nextRuns: nextRuns.map((time) => time.toISOString()),
  };
}

const padded = (number: number) => String(number).padStart(2, '0');
