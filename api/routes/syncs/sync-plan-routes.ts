import type { SyncId, VenueId } from '../../../contracts/ids.ts';
import type { PlanStore } from '../../../db/runs/plan-store.ts';
import type { SyncRun, SyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { ApiError } from '../../errors/api-error.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { notFound } from '../../errors/not-found.ts';
import { pageOf } from '../../schemas/common.ts';
import { planAnswer, planItemAnswer, planItemsQuery, presentPlan, presentPlanItem } from '../../schemas/sync-plan.ts';

export interface SyncPlanRouteDeps {
  readonly runs: SyncRunStore;
  readonly plans: PlanStore;
}

const PLAN = '/v1/venues/{venueId}/syncs/{syncId}/plan';
const SAMPLES_PER_ACTION = 20;

export function syncPlanRoutes(deps: SyncPlanRouteDeps): Endpoint[] {
  return [planRoute(deps), itemsRoute(deps)];
}

function planRoute({ runs, plans }: SyncPlanRouteDeps): Endpoint {
  return endpoint({
    name: 'getSyncPlan',
    summary: 'What a dry run would have done: counts, samples, calls and time',
    tag: 'Syncs',
    method: 'get',
    path: PLAN,
    role: 'viewer',
    answers: { 200: { description: 'The plan.', schema: planAnswer } },
    problems: ['not-a-dry-run', 'plan-not-ready'],
    async handle({ ids: { venueId, syncId } }) {
      const { run, finishedAt } = await completedDryRun(runs, venueId, syncId);
      return {
        status: 200,
        body: presentPlan(run, finishedAt, await plans.summarise(venueId, syncId, SAMPLES_PER_ACTION)),
      };
    },
  });
}

function itemsRoute({ runs, plans }: SyncPlanRouteDeps): Endpoint {
  return endpoint({
    name: 'listSyncPlanItems',
    summary: 'What a dry run would have done, record by record',
    tag: 'Syncs',
    method: 'get',
    path: `${PLAN}/items`,
    role: 'viewer',
    query: planItemsQuery,
    answers: { 200: { description: 'A page of the plan.', schema: pageOf('SyncPlanItem', planItemAnswer) } },
    problems: ['invalid-cursor', 'not-a-dry-run', 'plan-not-ready'],
    async handle({ ids: { venueId, syncId }, query: { limit, cursor, action }, path }) {
      const list = { path, filters: { action }, order: 'seq' } as const;
      const after = readCursor(cursor, list);
      await completedDryRun(runs, venueId, syncId);
      const page = await plans.list(venueId, syncId, { action, page: { limit, after } });
      return toPageAnswer(page, list, presentPlanItem);
    },
  });
}

/** Throws `sync-not-found`, `not-a-dry-run` and `plan-not-ready`, because half a plan would look like a whole one. */
async function completedDryRun(
  runs: SyncRunStore,
  venueId: VenueId,
  syncId: SyncId,
): Promise<{ readonly run: SyncRun; readonly finishedAt: Date }> {
  const run = await runs.find(venueId, syncId);
  if (!run) throw notFound('sync-not-found');
  if (!run.dryRun) throw new ApiError('not-a-dry-run', 'This run was no dry run: it has no plan.');
  const { finishedAt, outcome } = run;
  if (!finishedAt) throw new ApiError('plan-not-ready', `The dry run is ${run.phase}.`);
  if (!outcome?.startsWith('completed'))
    throw new ApiError(
      'plan-not-ready',
      `The dry run ended before it had looked at everything: ${outcome ?? 'failed'}.`,
    );
  return { run, finishedAt };
}
