import { randomUUID } from 'node:crypto';
import type { SquareRequest } from '../http/endpoint.ts';

/** What a write causes beside the object that it names, and what a seller would find in their reports. */
export interface SideEffect {
  readonly kind: 'stock-count' | 'stock-adjustment' | 'price-change' | 'variation-deleted' | 'version-without-change';
  /** Id of the object, or of the object and its place. */
  readonly of: string;
  readonly from: string | null;
  readonly to: string | null;
}

/** Writes a side effect down; the control API shows them as `/state/side-effects`. */
export function noteSideEffect(
  { state, merchant, nowMs }: Pick<SquareRequest, 'state' | 'merchant' | 'nowMs'>,
  effect: SideEffect,
): void {
  const id = randomUUID();
  state.put(merchant, 'side-effects', [[id, { id, at: new Date(nowMs).toISOString(), ...effect }]]);
}
