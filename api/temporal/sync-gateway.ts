import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { APPROVE_SIGNAL, WAKE_SIGNAL } from '../../contracts/sync.ts';
import type { ApproveSignal } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { syncInputOf } from '../../db/runs/sync-input.ts';
import type { SyncRun } from '../../db/runs/sync-run-store.ts';
import { syncStart } from '../../domain/sync/sync-start.ts';
import type { SyncConnection } from '../../domain/sync/sync-start.ts';
import { callTemporal, temporalUnavailable } from './temporal-gateway.ts';
import type { StarterAccess } from './temporal-gateway.ts';

/**
 * The API's only way to Temporal for runs; routes see this interface and not the client. Every method throws ApiError
 * `temporal-unavailable` within its deadline when Temporal does not answer, and is safe to repeat.
 */
export interface SyncGateway {
  /** Starts the run's workflow, or finds it running. Returns the id of the workflow run. */
  start(run: SyncRun, options?: { readonly delayMs?: number }): Promise<string>;
  /** The id of the workflow run that is working on this run; null when there is none. */
  findRunning(run: SyncRun): Promise<string | null>;
  /** Asks the run's workflow to stop. Returns false when none is running. */
  cancel(run: SyncRun): Promise<boolean>;
  /** Approves a run that waits for it. Returns false when no workflow is running. */
  approve(run: SyncRun, approval: ApproveSignal): Promise<boolean>;
  /** Makes a waiting run look again at once. Returns false when no workflow is running. */
  wake(run: SyncRun): Promise<boolean>;
  /** Resolves when the workflow that ended a run has closed, a moment after the run. */
  untilClosed(run: SyncRun): Promise<void>;
  /** Throws when Temporal does not answer within `timeoutMs`. */
  ping(timeoutMs: number): Promise<void>;
  /** How many processes have listened for workflows within the last minutes. Throws as `ping` does. */
  countWorkers(timeoutMs: number): Promise<number>;
}

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/task_queue.proto (read 2026-11-21). */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK's packages export this enum as a type, and none of its values
const WORKFLOW_TASKS = 1 as temporal.api.enums.v1.TaskQueueType;

export interface SyncGatewayOptions extends StarterAccess {
  readonly namespace: string;
}

/** How long an earlier run of the same sync may take to close after it has finished in our database. */
const CLOSING_TIMEOUT_MS = 10_000;
const CLOSING_POLL_MS = 250;
const MAX_ASK_ATTEMPTS = 3;

export function createSyncGateway(options: SyncGatewayOptions): SyncGateway {
  return new TemporalSyncGateway(options);
}

class TemporalSyncGateway implements SyncGateway {
  readonly #options: SyncGatewayOptions;

  constructor(options: SyncGatewayOptions) {
    this.#options = options;
  }

  async start(run: SyncRun, { delayMs = 0 }: { readonly delayMs?: number } = {}): Promise<string> {
    const deadline = performance.now() + CLOSING_TIMEOUT_MS;
    for (;;) {
      const started = await this.#tryStart(run, delayMs);
      if (started !== null) return started;
      const running = await this.#describe(run);
      if (running && belongsTo(running, run)) return running.runId;
      // An earlier run of the same sync has finished in our database and is just closing.
      if (performance.now() > deadline) throw temporalUnavailable('An earlier run of the same sync is still closing.');
      await sleep(CLOSING_POLL_MS);
    }
  }

  async findRunning(run: SyncRun): Promise<string | null> {
    const running = await this.#describe(run);
    return running && belongsTo(running, run) ? running.runId : null;
  }

  cancel(run: SyncRun): Promise<boolean> {
    return this.#ask(run, (workflow) => workflow.cancel());
  }

  approve(run: SyncRun, approval: ApproveSignal): Promise<boolean> {
    return this.#ask(run, (workflow) => workflow.signal<[ApproveSignal]>(APPROVE_SIGNAL, approval));
  }

  wake(run: SyncRun): Promise<boolean> {
    return this.#ask(run, (workflow) => workflow.signal(WAKE_SIGNAL));
  }

  async untilClosed(run: SyncRun): Promise<void> {
    const deadline = performance.now() + CLOSING_TIMEOUT_MS;
    // Any other workflow run is a new start of this run.
    while (run.workflowRunId !== null && (await this.findRunning(run)) === run.workflowRunId) {
      if (performance.now() > deadline) throw temporalUnavailable('The workflow of this run is still closing.');
      await sleep(CLOSING_POLL_MS);
    }
  }

  /** Returns false when no workflow is running. */
  async #ask(run: SyncRun, question: (workflow: WorkflowHandle) => Promise<unknown>): Promise<boolean> {
    for (let attempt = 0; attempt < MAX_ASK_ATTEMPTS; attempt += 1) {
      const runId = await this.findRunning(run);
      if (runId === null) return false;
      try {
        // Bound to the workflow run that was just seen, because the id alone could belong to a later sync by now.
        await this.#call(({ workflow }) => question(workflow.getHandle(run.workflowId, runId)));
        return true;
      } catch (error) {
        // It closed or continued as new in between, so look again.
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    }
    return false;
  }

  async ping(timeoutMs: number): Promise<void> {
    const { connection, namespace } = this.#options;
    await connection.withDeadline(Date.now() + timeoutMs, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  }

  async countWorkers(timeoutMs: number): Promise<number> {
    const { connection, namespace } = this.#options;
    const { pollers } = await connection.withDeadline(Date.now() + timeoutMs, () =>
      connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name: WORKFLOW_QUEUE },
        taskQueueType: WORKFLOW_TASKS,
      }),
    );
    return new Set(pollers.map(({ identity }) => identity)).size;
  }

  /** Returns null when a workflow with this id is running. */
  async #tryStart(run: SyncRun, delayMs: number): Promise<string | null> {
    const { workflowId } = run;
    const providerName = this.#options.providerName(run.provider);
    try {
      const handle = await this.#call(({ workflow }) =>
        workflow.start<SyncConnection>(...syncStart(syncInputOf(run), { workflowId, providerName, delayMs })),
      );
      return handle.firstExecutionRunId;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return null;
      throw error;
    }
  }

  /** The running workflow with the run's workflow id, which may belong to another run. */
  async #describe(run: SyncRun): Promise<WorkflowExecutionDescription | null> {
    try {
      const description = await this.#call(({ workflow }) => workflow.getHandle(run.workflowId).describe());
      return description.status.name === 'RUNNING' || description.status.name === 'PAUSED' ? description : null;
    } catch (error) {
      if (error instanceof WorkflowNotFoundError) return null;
      throw error;
    }
  }

  #call<T>(work: (client: Client) => Promise<T>): Promise<T> {
    return callTemporal(this.#options, work);
  }
}

function belongsTo(running: WorkflowExecutionDescription, run: SyncRun): boolean {
  return running.memo?.['syncId'] === run.id;
}
