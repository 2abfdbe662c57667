import { Counter } from 'prom-client';
import { registry } from './metrics.ts';

const reconciliations = new Counter({
  name: 'interlock_reconciliations_total',
  help: 'Reconciliations that have ended, by their outcome.',
  labelNames: ['provider', 'outcome'],
  registers: [registry],
});
const discrepancies = new Counter({
  name: 'interlock_discrepancies_total',
  help: 'Transactions on which a reconciliation found that the venue and the provider disagree.',
  labelNames: ['provider'],
  registers: [registry],
});

/** Counts a reconciliation that has ended. */
export function countReconciliation(provider: string, outcome: string, found: number): void {
  reconciliations.inc({ provider, outcome });
  discrepancies.inc({ provider }, found);
}
