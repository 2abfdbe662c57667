import type { RepairDiscrepancyInput, RepairResult } from '../../../contracts/reconciliation.ts';
import type { Reconciliation } from '../../../db/reconciliation/reconciliation-store.ts';
import type { ConnectionRef } from '../../../contracts/ids.ts';
import type {
  ReconciliationSchedule,
  ReconciliationScheduleGateway,
  ReconciliationScheduleSettings,
} from '../../../api/temporal/reconciliation-schedule-gateway.ts';
import type { ReconciliationGateway } from '../../../api/temporal/reconciliation-gateway.ts';

/** Records what the API asks for, and answers as it is told to. */
export class RecordedReconciliations implements ReconciliationGateway {
  readonly started: Reconciliation[] = [];
  readonly repaired: RepairDiscrepancyInput[] = [];
  outcome: RepairResult['outcome'] = 'unavailable';

  start(reconciliation: Reconciliation): Promise<string> {
    this.started.push(reconciliation);
    return Promise.resolve(crypto.randomUUID());
  }

  repair(input: RepairDiscrepancyInput): Promise<RepairResult> {
    this.repaired.push(input);
    return Promise.resolve({ outcome: this.outcome });
  }
}

/** Keeps the schedules in memory and runs none. */
export class RecordedReconciliationSchedules implements ReconciliationScheduleGateway {
  readonly kept = new Map<string, ReconciliationScheduleSettings>();

  find({ connectionId }: ConnectionRef): Promise<ReconciliationSchedule | null> {
    const kept = this.kept.get(connectionId);
    if (!kept) return Promise.resolve(null);
    const { hour, minute, ...rest } = kept;
    return Promise.resolve({ ...rest, at: { hour, minute }, nextRuns: [] });
  }

  put({ connectionId }: ConnectionRef, settings: ReconciliationScheduleSettings): Promise<void> {
    this.kept.set(connectionId, settings);
    return Promise.resolve();
  }

  delete({ connectionId }: ConnectionRef): Promise<boolean> {
    return Promise.resolve(this.kept.delete(connectionId));
  }
}
