import { randomUUID } from 'node:crypto';
import type { Company } from './quickbooks-state.ts';

/** What a write causes beside the object that it names, and what an accountant would find in the books. */
export interface SideEffect {
  readonly kind: 'stock-adjustment' | 'past-transactions-rewritten' | 'credits-freed' | 'write-without-change';
  /** The entity and id of the object. */
  readonly of: string;
}

/** Writes a side effect down; the control API shows them as `/state/side-effects`. */
export function noteSideEffect({ state, id: company, nowMs }: Company, effect: SideEffect): void {
  const id = randomUUID();
  state.put(company, 'side-effects', [[id, { id, at: new Date(nowMs).toISOString(), ...effect }]]);
}
