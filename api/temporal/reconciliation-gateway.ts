import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { REPAIR_DISCREPANCY, repairWorkflowId } from '../../contracts/reconciliation.ts';
import type { RepairDiscrepancyInput, RepairResult } from '../../contracts/reconciliation.ts';
import { WAKE_SIGNAL } from '../../contracts/sync.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import type { Reconciliation } from '../../db/reconciliation/reconciliation-store.ts';
import { reconciliationStart } from '../../domain/reconciliation/reconciliation-start.ts';
import type { ReconcileConnection } from '../../domain/reconciliation/reconciliation-start.ts';
import { startAttributes } from '../../domain/sync/search-attributes.ts';
import type { repairDiscrepancy } from '../../workflows/reconciliation/repair-discrepancy.ts';
import { CALL_TIMEOUT_MS, callTemporal, temporalUnavailable, workerUnavailable } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

/**
 * The API's way to Temporal for reconciliations. Every method throws ApiError `temporal-unavailable` when Temporal does
 * not answer in time, and is safe to repeat.
 */
export interface ReconciliationGateway {
  /** Starts its workflow, or finds it running; one that waits looks again. Returns the id of the workflow run. */
  start(reconciliation: Reconciliation): Promise<string>;
  /** Has a worker repair a discrepancy, and waits for the outcome. Throws ApiError `worker-unavailable`. */
  repair(input: RepairDiscrepancyInput): Promise<RepairResult>;
}

/** How long an earlier workflow of the same id may take to close after it has finished in our database. */
const CLOSING_TIMEOUT_MS = 10_000;
const CLOSING_POLL_MS = 250;
/** Above the activity's own limit of 20 s. */
const REPAIR_TIMEOUT_MS = 24_000;

export function createReconciliationGateway(options: StarterAccess): ReconciliationGateway {
  return new TemporalReconciliationGateway(options);
}

class TemporalReconciliationGateway implements ReconciliationGateway {
  readonly #options: StarterAccess;

  constructor(options: StarterAccess) {
    this.#options = options;
  }

  async start(reconciliation: Reconciliation): Promise<string> {
    const deadline = performance.now() + CLOSING_TIMEOUT_MS;
    for (;;) {
      const started = await this.#tryStart(reconciliation);
      if (started !== null) return started;
      const running = await this.#describe(reconciliation);
      if (running && running.memo?.['reconciliationId'] === reconciliation.id) {
        if (reconciliation.phase === 'waiting') await this.#wake(reconciliation);
        return running.runId;
      }
      if (performance.now() > deadline) throw temporalUnavailable('An earlier reconciliation is still closing.');
      await sleep(CLOSING_POLL_MS);
    }
  }

  async repair(input: RepairDiscrepancyInput): Promise<RepairResult> {
    const { venueId, connectionId, provider, discrepancyId } = input;
    const handle = await this.#call(({ workflow }) =>
      workflow.start<typeof repairDiscrepancy>(REPAIR_DISCREPANCY, {
        taskQueue: WORKFLOW_QUEUE,
        workflowId: repairWorkflowId(discrepancyId),
        args: [input],
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        workflowExecutionTimeout: REPAIR_TIMEOUT_MS,
        typedSearchAttributes: startAttributes({ VenueId: venueId, Provider: provider, ConnectionId: connectionId }),
        staticSummary: `${this.#options.providerName(provider)}: repair a discrepancy`,
        priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
      }),
    );
    try {
      return await callTemporal(this.#options, () => handle.result(), REPAIR_TIMEOUT_MS + CALL_TIMEOUT_MS);
    } catch (error) {
      if (!(error instanceof WorkflowFailedError)) throw error;
      throw workerUnavailable('No worker has repaired the discrepancy in time.', error);
    }
  }

  /** Returns null when a workflow with this id is running. */
  async #tryStart({ id, workflowId, ...row }: Reconciliation): Promise<string | null> {
    const { venueId, connectionId, provider } = row;
    const { providerName } = this.#options;
    const input = { venueId, connectionId, provider, reconciliationId: id };
    try {
      const handle = await this.#call(({ workflow }) =>
        workflow.start<ReconcileConnection>(...reconciliationStart(input, workflowId, providerName(provider))),
      );
      return handle.firstExecutionRunId;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
      throw error;
    }
  }

  async #describe({ workflowId }: Reconciliation): Promise<WorkflowExecutionDescription | null> {
    try {
      const description = await this.#call(({ workflow }) => workflow.getHandle(workflowId).describe());
      return description.status.name === 'RUNNING' || description.status.name === 'PAUSED' ? description : null;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  async #wake({ workflowId }: Reconciliation): Promise<void> {
    try {
      await this.#call(({ workflow }) => workflow.getHandle(workflowId).signal(WAKE_SIGNAL));
    } catch (error) {
      // It has ended in between.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }

  #call<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return callTemporal(this.#options, work);
  }
}
