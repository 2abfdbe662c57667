import type { RepairDiscrepancyInput, RepairResult } from '../../../contracts/reconciliation.ts';
import type { Reconciliation } from '../../../db/reconciliation/reconciliation-store.ts';
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
