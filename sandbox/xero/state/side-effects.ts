import { randomUUID } from 'node:crypto';
import type { Organisation } from './xero-state.ts';

/** What a write causes beside the object that it names, and what an accountant would find in the books. */
export interface SideEffect {
  readonly kind: 'write-without-change' | 'lines-rewritten' | 'contact-changed-by-document';
  /** The collection and id of the object. */
  readonly of: string;
}

/** Writes a side effect down; the control API shows them as `/state/side-effects`. */
export function noteSideEffect({ state, id: organisation, nowMs }: Organisation, effect: SideEffect): void {
  const id = randomUUID();
  state.put(organisation, 'side-effects', [[id, { id, at: new Date(nowMs).toISOString(), ...effect }]]);
}
