import { z } from 'zod';
import { PLAN_ACTIONS } from '../../contracts/sync.ts';
import type { PlanItem, PlanSummary } from '../../db/runs/plan-store.ts';
import { PLAN_LIFETIME_MS } from '../../db/runs/sync-run-opening.ts';
import type { SyncRun } from '../../db/runs/sync-run-store.ts';
import { paging, timestamp } from './common.ts';
import { planAction } from './words.ts';

export const planItemsQuery = z.strictObject({ ...paging, action: planAction.optional() });

const sample = {
  recordId: z.uuid().nullable(),
  sourceId: z.string().nullable(),
  externalId: z.string().nullable(),
  detail: z
    .string()
    .nullable()
    .meta({ description: 'The fields that would change, or why the record would be refused.' }),
};

export const planItemAnswer = z.object({ action: planAction, ...sample }).meta({ id: 'SyncPlanItem' });

const perAction = <T extends z.ZodType>(value: T) =>
  z.object({ create: value, update: value, archive: value, skip: value, reject: value, conflict: value });

export const planAnswer = z
  .object({
    syncId: z.uuid(),
    counts: perAction(z.int().min(0)),
    estimate: z
      .object({ calls: z.int().min(0), seconds: z.number().min(0) })
      .nullable()
      .meta({
        description:
          'Calls to the provider that carrying the plan out would take, and how long at the account’s rate. Null when the dry run could not tell.',
      }),
    samples: perAction(z.array(z.object(sample))).meta({
      description: 'The first 20 of each; `/plan/items` lists all.',
    }),
    expiresAt: timestamp.meta({ description: 'Until then a run of the same sync, mode and window takes the plan on.' }),
  })
  .meta({ id: 'SyncPlan' });

/** `finishedAt` is the dry run's. */
export function presentPlan(
  { id, plan }: SyncRun,
  finishedAt: Date,
  { counts, samples }: PlanSummary,
): z.input<typeof planAnswer> {
  const samplesOf = Object.fromEntries(
    PLAN_ACTIONS.map((action) => [action, samples.filter((item) => item.action === action).map(presentSample)]),
  );
  return {
    syncId: id,
    counts: { ...counts },
    estimate: plan && { ...plan },
    samples: samplesOf as z.input<typeof planAnswer>['samples'],
    expiresAt: new Date(finishedAt.getTime() + PLAN_LIFETIME_MS).toISOString(),
  };
}

export const presentPlanItem = (item: PlanItem): z.input<typeof planItemAnswer> => ({
  action: item.action,
  ...presentSample(item),
});

const presentSample = ({ recordId, sourceId, externalId, detail }: PlanItem) => ({
  recordId,
  sourceId,
  externalId,
  detail,
});
