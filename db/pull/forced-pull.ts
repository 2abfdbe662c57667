import type { TwoWayDecision } from '../../domain/sync/merge/two-way-decision.ts';
import type { KindScope } from '../runs/run-scope.ts';
import type { Transaction } from '../core/venue-scope.ts';
import { applyDeletions, applyPulled } from './pull-apply.ts';
import { decidePulled, lockRemotes } from './pull-lookup.ts';
import type { Decided } from './pull-lookup.ts';
import type { PulledRecord } from './pulled-record.ts';

/**
 * Makes the venue's record as the provider was just found to have it. In contrast to a pull, this also takes back what
 * the venue changed or deleted after both sides last agreed, because a person has asked for it.
 */
export async function applyForced(tx: Transaction, scope: KindScope, pulled: PulledRecord): Promise<void> {
  const rows = await lockRemotes(tx, scope, [pulled]);
  const decided = decidePulled(scope, [pulled], { rows, ties: new Map(), policies: null }).map((one) => ({
    ...one,
    decision: forced(one),
  }));
  await applyPulled(tx, scope, decided);
  await applyDeletions(tx, scope, decided);
}

const TAKING: ReadonlySet<TwoWayDecision> = new Set(['create', 'link', 'update', 'overwrite', 'revive']);

function forced({ decision, pulled, record }: Decided): TwoWayDecision {
  const isKnown = record.version > 0;
  if (pulled.deleted) return isKnown ? 'archive' : 'ignore';
  if (TAKING.has(decision)) return decision;
  return isKnown ? 'revive' : 'create';
}
