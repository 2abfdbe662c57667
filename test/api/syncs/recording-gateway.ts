import { v7 as uuidv7 } from 'uuid';
import { ApiError } from '../../../api/errors/api-error.ts';
import type { SyncGateway } from '../../../api/temporal/sync-gateway.ts';
import type { ApproveSignal } from '../../../contracts/sync.ts';
import type { SyncRun } from '../../../db/runs/sync-run-store.ts';

/** In-memory replacement for Temporal: records what it was asked, and can simulate that Temporal is away. */
export class RecordingGateway implements SyncGateway {
  readonly started: SyncRun[] = [];
  readonly cancelled: SyncRun[] = [];
  readonly approved: (ApproveSignal & { readonly run: SyncRun })[] = [];
  readonly woken: SyncRun[] = [];
  readonly jobs: string[] = [];
  /** Open workflow run ids, by run. */
  readonly running = new Map<string, string>();
  away = false;
  workers = 1;

  async start(run: SyncRun): Promise<string> {
    this.#mustBeThere();
    this.started.push(run);
    const runId = uuidv7();
    this.running.set(run.id, runId);
    return runId;
  }

  async findRunning(run: SyncRun): Promise<string | null> {
    this.#mustBeThere();
    return this.running.get(run.id) ?? null;
  }

  async cancel(run: SyncRun): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.cancelled.push(run);
    return true;
  }

  async approve(run: SyncRun, approval: ApproveSignal): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.approved.push({ run, ...approval });
    return true;
  }

  async wake(run: SyncRun): Promise<boolean> {
    this.#mustBeThere();
    if (!this.running.has(run.id)) return false;
    this.woken.push(run);
    return true;
  }

  async untilClosed(run: SyncRun): Promise<void> {
    this.#mustBeThere();
    if (this.running.get(run.id) === run.workflowRunId) this.running.delete(run.id);
  }

  async startJob(jobId: string): Promise<void> {
    this.#mustBeThere();
    this.jobs.push(jobId);
  }

  async ping(): Promise<void> {
    this.#mustBeThere();
  }

  async countWorkers(): Promise<number> {
    this.#mustBeThere();
    return this.workers;
  }

  #mustBeThere(): void {
    if (this.away)
      throw new ApiError('temporal-unavailable', 'The workflow service cannot be reached at the moment.', {
        retryAfterMs: 2_000,
      });
  }
}
