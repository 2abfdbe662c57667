import type { SyncRun } from '../../../db/runs/sync-run-store.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import type { Caller } from '../../auth/caller.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Answer, Endpoint } from '../../http/endpoint.ts';
import { presentSync, syncAnswer } from '../../schemas/sync.ts';
import type { TemporalUi } from '../../schemas/sync.ts';
import type { SyncDeps } from '../../syncs/start-sync.ts';
import { approveSync, cancelSync, retrySync } from '../../syncs/sync-actions.ts';

export interface SyncActionRouteDeps extends SyncDeps {
  readonly audit: AuditTrail;
  readonly ui: TemporalUi;
}

const ITEM = '/v1/venues/{venueId}/syncs/{syncId}';

export function syncActionRoutes(deps: SyncActionRouteDeps): Endpoint[] {
  return [cancelRoute(deps), approveRoute(deps), retryRoute(deps)];
}

function cancelRoute(deps: SyncActionRouteDeps): Endpoint {
  return endpoint({
    name: 'cancelSync',
    summary: 'Ask a sync run to stop',
    description: 'It stops after the page it is at. Asking again is fine.',
    tag: 'Syncs',
    method: 'post',
    path: `${ITEM}/cancel`,
    role: 'operator',
    answers: { 202: { description: 'Asked.', schema: syncAnswer } },
    problems: ['sync-finished', 'temporal-unavailable'],
    handle: async ({ ids, ...by }) => answer(deps, await cancelSync(deps, ids), { ...by, action: 'sync.cancelled' }),
  });
}

function approveRoute(deps: SyncActionRouteDeps): Endpoint {
  return endpoint({
    name: 'approveSync',
    summary: 'Let a sync run go on that waits for approval',
    description:
      'A run that would archive many records waits; `awaiting` says how many. Approving again is fine; cancelling is the no.',
    tag: 'Syncs',
    method: 'post',
    path: `${ITEM}/approve`,
    role: 'operator',
    idempotent: true,
    answers: { 202: { description: 'Approved: the run goes on in a moment.', schema: syncAnswer } },
    problems: ['not-awaiting-approval', 'temporal-unavailable'],
    handle: async ({ ids, ...by }) =>
      answer(deps, await approveSync(deps, ids, by.caller.subject), { ...by, action: 'sync.approved' }),
  });
}

function retryRoute(deps: SyncActionRouteDeps): Endpoint {
  return endpoint({
    name: 'retrySync',
    summary: 'Take up a sync run that failed, was cancelled, or waits',
    description: 'It goes on from its last committed page under the same id. A run that waits looks again at once.',
    tag: 'Syncs',
    method: 'post',
    path: `${ITEM}/retry`,
    effort: 'start',
    role: 'operator',
    idempotent: true,
    answers: { 202: { description: 'It goes on in a moment.', schema: syncAnswer } },
    problems: ['sync-finished', 'sync-running', 'sync-already-open', 'connection-not-active', 'temporal-unavailable'],
    handle: async ({ ids, ...by }) => {
      const auditEventOf = (run: SyncRun) => ({ action: 'sync.retried', targetType: 'sync', targetId: run.id });
      const run = await retrySync(deps, ids, {
        entry: (reopened) => deps.audit.entry(by, ids.venueId, auditEventOf(reopened)),
        note: (open) => deps.audit.note(by, ids.venueId, auditEventOf(open)),
      });
      return { status: 202, body: presentSync(run, deps.ui) };
    },
  });
}

interface SyncAction {
  readonly caller: Caller;
  readonly requestId: string;
  readonly action: string;
}

async function answer(
  { audit, ui }: SyncActionRouteDeps,
  run: SyncRun,
  { caller, requestId, action }: SyncAction,
): Promise<Answer> {
  await audit.note({ caller, requestId }, run.venueId, { action, targetType: 'sync', targetId: run.id });
  return { status: 202, body: presentSync(run, ui) };
}
