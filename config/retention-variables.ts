import { z } from 'zod';
import type { Variable } from './variable.ts';

const MAX_DAYS = 3_650;

const between = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/)
    .transform(Number)
    .pipe(z.int().min(min).max(max));
const days = (min: number) =>
  ({ schema: between(min, MAX_DAYS), form: `a whole number from ${min} to ${MAX_DAYS}` }) as const;

const MINUTES = { min: 10, max: 1_440 } as const;

/**
 * How long rows that only describe the past are kept; docs/operations/retention.md says what each is for. The minimums
 * are what the service itself needs; the functions in the database enforce lower ones of their own.
 */
export const RETENTION_VARIABLES = {
  RETENTION_EVERY_MINUTES: {
    schema: between(MINUTES.min, MINUTES.max),
    form: `a whole number from ${MINUTES.min} to ${MINUTES.max}`,
    description: 'How often expired rows are removed, by the Temporal Schedule `retention`.',
    obtain: 'Choose one.',
    default: '60',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_AUDIT_DAYS: {
    ...days(30),
    description: 'How long the audit log is kept.',
    obtain: 'Ask whoever answers for your audits.',
    default: '400',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_RUN_DAYS: {
    ...days(8),
    description:
      'How long runs and administrators’ jobs are kept once they are over. The last run of each sync, its last full pass and its last failed run stay.',
    obtain: 'Choose one.',
    default: '90',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_SYNC_LOG_DAYS: {
    ...days(1),
    description: 'How long the log of a run is kept once the run is over. At most `RETENTION_RUN_DAYS`.',
    obtain: 'Choose one.',
    default: '30',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_PLAN_DAYS: {
    ...days(2),
    description:
      'How long the plan of a dry run is kept once the dry run is over. It can be carried out for one day. At most `RETENTION_RUN_DAYS`.',
    obtain: 'Choose one.',
    default: '7',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_WEBHOOK_BODY_DAYS: {
    ...days(1),
    description:
      'How long the bodies of webhook events are kept, which may hold personal data. At most `RETENTION_WEBHOOK_EVENT_DAYS`.',
    obtain: 'Choose one.',
    default: '30',
    readBy: ['worker'],
    secret: false,
  },
  // Square's signature covers no time, so a recorded delivery can be replayed long after:
  // https://developer.squareup.com/docs/webhooks/step3validate (read 2026-11-21).
  RETENTION_WEBHOOK_EVENT_DAYS: {
    ...days(7),
    description:
      'How long webhook events are kept without their bodies: one that is sent again meanwhile has no effect.',
    obtain: 'Choose one.',
    default: '400',
    readBy: ['worker'],
    secret: false,
  },
  RETENTION_OUTGOING_MESSAGE_DAYS: {
    ...days(4),
    description:
      'How long outgoing webhooks are kept with their deliveries, so that they can be resent. They are repeated for a little over three days.',
    obtain: 'Choose one.',
    default: '30',
    readBy: ['worker'],
    secret: false,
  },
} as const satisfies Record<string, Variable>;
