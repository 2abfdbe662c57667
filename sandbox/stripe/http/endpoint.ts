import type { AccountState } from '../state/account-state.ts';
import type { PageFault } from '../../core/faults.ts';
import type { Form } from './form.ts';
import type { Change, StripeState } from '../state/state.ts';

/** A request that has passed authentication, limits and the idempotency check. */
export interface ApiCall {
  readonly state: StripeState;
  readonly account: AccountState;
  /** The query of a GET, else the body. */
  readonly params: Form;
  /** The id in the path, or empty. */
  readonly id: string;
  readonly requestId: string;
  readonly idempotencyKey: string | null;
  /** The page fault to apply to a list, or null. */
  readonly pageFault: PageFault | null;
}

/** What an endpoint decided. Nothing has changed yet: the caller commits `changes`. */
export interface Outcome {
  readonly body: string;
  /** Defaults to 200. A declined payment is refused and still changes something. */
  readonly status?: number;
  readonly changes: readonly Change[];
}

/** Throws a `Failure` to refuse. */
export type Endpoint = (call: ApiCall) => Outcome;

export function answer(body: string): Outcome {
  return { body, changes: [] };
}
