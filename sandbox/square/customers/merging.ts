import type { SquareState, WireObject } from '../state/square-state.ts';
import { newSquareId } from '../state/ids.ts';

/**
 * Sellers merge duplicates, and so does Square by itself: the profiles are deleted, and a new one has what they had. Where
 * they differ, the first one's value stays (https://developer.squareup.com/docs/customers-api/duplicated-customers,
 * 2026-11; https://developer.squareup.com/forums/t/question-about-auto-merged-customers/20358, 2026-11).
 */
export function mergeCustomers(
  { state, merchant }: { readonly state: SquareState; readonly merchant: string },
  profiles: readonly WireObject[],
  nowMs: number,
): WireObject {
  const id = newSquareId();
  const at = new Date(nowMs).toISOString();
  const merged = {
    ...profiles.toReversed().reduce((all, one) => ({ ...all, ...one }), {}),
    ...{ id, created_at: at, updated_at: at, creation_source: 'MERGE', version: 0 },
  };
  const ids = profiles.map((profile) => String(profile['id']));
  state.put(
    merchant,
    'merged-customers',
    ids.map((from) => [from, { id: from, to: id }]),
  );
  state.put(merchant, 'customers', [[id, merged]]);
  for (const from of ids) state.delete(merchant, 'customers', from);
  return merged;
}

/**
 * The id of the profile that this one was merged into, however often. "If you specify the ID of a customer profile that was
 * deleted in a merge operation, the Customers API returns the new customer profile"
 * (https://developer.squareup.com/forums/t/10676, 2026-11); to change or delete it takes the new id (square 46.0.0,
 * customers/client/Client.d.ts).
 */
export function presentIdOf(state: SquareState, merchant: string, id: string): string {
  const into = state.get(merchant, 'merged-customers', id)?.['to'];
  return typeof into === 'string' ? presentIdOf(state, merchant, into) : id;
}

/** What an event tells of a merge. */
export interface CustomerMerge {
  readonly from_customer_ids: readonly string[];
  readonly to_customer_id: string;
}

/**
 * The merge that created or deleted this profile; null where none did. Only events of these two tell of one
 * (square 46.0.0, CustomerCreatedEventObject and CustomerDeletedEventObject).
 */
export function mergeOf(
  state: SquareState,
  merchant: string,
  { id, isDeleted }: { readonly id: string; readonly isDeleted: boolean },
): CustomerMerge | null {
  const to = isDeleted ? state.get(merchant, 'merged-customers', id)?.['to'] : id;
  const from = state.list(merchant, 'merged-customers').filter((merged) => merged['to'] === to);
  if (typeof to !== 'string' || from.length === 0) return null;
  return { from_customer_ids: from.map((merged) => String(merged['id'])), to_customer_id: to };
}
