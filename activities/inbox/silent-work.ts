import { getClient } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { SWEEP_CONNECTIONS } from '../../contracts/inbox.ts';
import type { ConnectionSweepActivities } from '../../contracts/inbox.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { rotateVaultKeysWorkflowId } from '../../contracts/vault.ts';
import { registerWebhookWorkflowId } from '../../contracts/webhook-registration.ts';
import type { SecretRotationStore } from '../../db/connections/secret-rotation-store.ts';
import type { SilentWork, SilentWorkStore } from '../../db/runs/silent-work-store.ts';
import { syncInputOf } from '../../db/runs/sync-input.ts';
import type { SyncProgressStore } from '../../db/runs/sync-progress-store.ts';
import type { SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { reconciliationStart } from '../../domain/reconciliation/reconciliation-start.ts';
import type { ReconcileConnection } from '../../domain/reconciliation/reconciliation-start.ts';
import { syncStart } from '../../domain/sync/sync-start.ts';
import type { SyncConnection } from '../../domain/sync/sync-start.ts';
import { rotationStart } from '../../domain/vault/rotation-start.ts';
import type { RotateVaultKeys } from '../../domain/vault/rotation-start.ts';
import { explainFailure } from '../../domain/errors/failure-advice.ts';
import { fewAtATime } from '../../providers/http/few-at-a-time.ts';
import type { Providers } from '../../providers/providers.ts';
import { failRegistration } from '../connections/webhook-registration.ts';
import type { WebhookRegistrationDeps } from '../connections/webhook-registration.ts';
import { askForDisconnection } from '../connections/ask-for-disconnection.ts';
import type { AskingDeps } from '../connections/ask-for-disconnection.ts';
import { describe, guarded } from '../failures.ts';
import { endReconciliation } from '../reconciliation/reconciliation-control.ts';
import type { ReconciliationControlDeps } from '../reconciliation/reconciliation-control.ts';
import { isRunning } from '../running-workflow.ts';
import { finishedEntry } from '../sync/sync-control.ts';

export interface SilentWorkDeps
  extends
    AskingDeps,
    Pick<WebhookRegistrationDeps, 'webhookEndpoints'>,
    Pick<ReconciliationControlDeps, 'reconciliations' | 'reconciliationProgress'> {
  readonly providers: Pick<Providers, 'find' | 'definition'>;
  readonly silentWork: SilentWorkStore;
  readonly runs: Pick<SyncRunStore, 'find'>;
  readonly progress: Pick<SyncProgressStore, 'finish'>;
  readonly rotations: Pick<SecretRotationStore, 'find' | 'finish'>;
}

const AT_ONCE = 10;
/** Of one sweep; the next one takes the rest. */
const MAX_LOOKED_AT = 1_000;
/** Longer than anything goes on without a commit while a worker is at it and nothing is wrong. */
const SILENT_MS = 600_000;

/** Looks after work of all venues that no workflow may be at. */
export function createSilentWorkActivities(deps: SilentWorkDeps): Pick<ConnectionSweepActivities, 'settleSilentWork'> {
  return { settleSilentWork: () => guarded(() => settleSilentWork(deps)) };
}

/**
 * Ends what is open in our rows while no workflow works on it, because somebody has terminated that in the Web UI or
 * Temporal has lost it: otherwise it would stay open for good, and keep others of its kind from beginning. A
 * disconnection is taken up again, because credentials are left until it is done. A run, a reconciliation or a
 * rotation that never had a workflow, because Temporal was away when it was asked for, gets its first one: nobody has
 * ended it.
 */
async function settleSilentWork(deps: SilentWorkDeps): Promise<{ readonly settled: number }> {
  const silent = await deps.silentWork.list({ silentMs: SILENT_MS, limit: MAX_LOOKED_AT });
  const outcomes = await fewAtATime(silent, AT_ONCE, (work) =>
    settle(deps, work).catch((error: unknown) => {
      deps.log.warn({ kind: work.kind, id: work.id, cause: describe(error) }, 'silent work could not be looked at');
      return { error };
    }),
  );
  const failed = outcomes.filter((outcome) => typeof outcome === 'object');
  // One that fails is looked at by the next sweep; where all fail, Temporal or the database is away.
  if (failed[0] && failed.length === outcomes.length) throw failed[0].error;
  return { settled: outcomes.filter((outcome) => outcome === true).length };
}

/** False: a workflow works on it, or it is over by now. */
async function settle(deps: SilentWorkDeps, work: SilentWork): Promise<boolean> {
  // Whether or not its token manager runs: it may have been started since, by whoever needed a token.
  if (work.kind === 'disconnection') return takeUpDisconnection(deps, work);
  if (await isRunning(workflowIdOf(work))) return false;
  if (!(await endOrBegin(deps, work))) return false;
  deps.log.warn(
    { kind: work.kind, id: work.id, ...('venueId' in work && { venueId: work.venueId }) },
    'open work had no workflow: it was ended, or begun where it had never had one',
  );
  return true;
}

type Ended = Exclude<SilentWork, { readonly kind: 'disconnection' }>;

function workflowIdOf(work: Ended): string {
  if (work.kind === 'rotation') return rotateVaultKeysWorkflowId(work.id);
  if (work.kind === 'registration') return registerWebhookWorkflowId(work.id, work.pathDigest);
  return work.workflowId;
}

async function endOrBegin(deps: SilentWorkDeps, work: Ended): Promise<boolean> {
  if (work.kind === 'sync') return settleSync(deps, work);
  if (work.kind === 'reconciliation') return settleReconciliation(deps, work);
  if (work.kind === 'rotation') return settleRotation(deps, work);
  const { venueId, id: connectionId, pathDigest } = work;
  const { code } = explainFailure(FAILURE.workflowEnded);
  // Who gives a registration up may do so at the moment in which it succeeds.
  return failRegistration(deps, { venueId, connectionId, pathDigest, code }, { onlyPending: true });
}

/** False: it has a workflow, such as when whoever asked for it has repeated the request at this very moment. */
async function begin(start: () => Promise<unknown>): Promise<boolean> {
  try {
    await start();
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

const nameOf = (providers: SilentWorkDeps['providers'], provider: string): string =>
  providers.definition(provider)?.displayName ?? provider;

type Of<Kind extends SilentWork['kind']> = Extract<SilentWork, { readonly kind: Kind }>;

/** A retry that comes between is safe: the first step of its workflow opens the run again. */
async function settleSync(
  { runs, progress, providers }: SilentWorkDeps,
  { venueId, id, touchedAt }: Of<'sync'>,
): Promise<boolean> {
  const run = await runs.find(venueId, id);
  if (!run || run.finishedAt || run.updatedAt.getTime() !== touchedAt.getTime()) return false;
  const input = syncInputOf(run);
  if (run.workflowRunId === null) {
    const how = { workflowId: run.workflowId, providerName: nameOf(providers, run.provider) };
    return begin(() => getClient().workflow.start<SyncConnection>(...syncStart(input, how)));
  }
  const error = explainFailure(FAILURE.workflowEnded);
  await progress.finish(
    input,
    { outcome: 'failed', error, plan: null, watermark: null },
    finishedEntry(input, { actor: SWEEP_CONNECTIONS, isFailed: true }),
  );
  return true;
}

async function settleReconciliation(
  deps: SilentWorkDeps,
  { venueId, id, touchedAt }: Of<'reconciliation'>,
): Promise<boolean> {
  const found = await deps.reconciliations.find(venueId, id);
  if (!found || found.finishedAt || found.updatedAt.getTime() !== touchedAt.getTime()) return false;
  const { connectionId, provider, workflowId } = found;
  const input = { venueId, connectionId, provider, reconciliationId: id };
  if (found.workflowRunId === null)
    return begin(() =>
      getClient().workflow.start<ReconcileConnection>(
        ...reconciliationStart(input, workflowId, nameOf(deps.providers, provider)),
      ),
    );
  const failure = { type: FAILURE.workflowEnded, message: 'the workflow has ended' };
  await endReconciliation(deps, { ...input, end: 'failed', failure }, SWEEP_CONNECTIONS);
  return true;
}

async function settleRotation({ rotations }: SilentWorkDeps, { id, touchedAt }: Of<'rotation'>): Promise<boolean> {
  const job = await rotations.find(id);
  if (!job || job.finishedAt || job.updatedAt.getTime() !== touchedAt.getTime()) return false;
  // The row tells whether the first step was taken; only Temporal tells whether a workflow was ended before it.
  const start = () => getClient().workflow.start<RotateVaultKeys>(...rotationStart(id, { first: true }));
  if (job.startedAt === null && (await begin(start))) return true;
  return (await rotations.finish(id, 'failed', FAILURE.workflowEnded))?.outcome === 'failed';
}

async function takeUpDisconnection(
  deps: SilentWorkDeps,
  { venueId, id: connectionId, provider }: Of<'disconnection'>,
): Promise<boolean> {
  const request = await deps.disconnections.findRequest({ venueId, connectionId });
  if (!request) return false;
  await askForDisconnection(
    deps,
    { venueId, connectionId, provider },
    { ...request, updateId: `again/${connectionId}` },
  );
  return true;
}
