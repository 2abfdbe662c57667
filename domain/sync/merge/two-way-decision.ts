import type { MergePolicy } from '../../../contracts/records.ts';
import { decidePull } from '../pull/pull-decision.ts';
import type { KnownRemote, PullDecision, PulledVersion } from '../pull/pull-decision.ts';
import { winnerOf } from './merge.ts';

/** The decision of a two-way run. */
export type TwoWayDecision =
  | PullDecision
  /** Merge the fields of both sides. */
  | 'merge'
  /** One side deleted what the other changed, and a person has to decide: neither follows the other until then. */
  | 'hold';

export interface TwoWayState {
  /** The policy for a record that one side deletes while the other changes it. */
  readonly policy: MergePolicy;
  /** When the provider's object changed; null when the provider does not tell. */
  readonly providerChangedAtMs: number | null;
  readonly hasOpenConflict: boolean;
  /** The venue deleted the record, and the remote record was taken out of use for that. */
  readonly isArchived: boolean;
}

const MERGED: ReadonlySet<PullDecision> = new Set(['update', 'overwrite']);

/** Like `decidePull`, for a run in which neither side simply wins. `known.link.fingerprint` is the remote record's. */
export function decideTwoWay(pulled: PulledVersion, known: KnownRemote | null, state: TwoWayState): TwoWayDecision {
  const decision = decidePull(pulled, known);
  if (MERGED.has(decision)) return 'merge';
  if (known?.link == null) return decision;
  if (decision === 'archive' || decision === 'keep') return ofDeletion(pulled, { known, decision, state });
  if (decision !== 'touch' || pulled.deleted) return decision;
  if (known.recordDeleted) return ofDeletedRecord(pulled, known, state);
  return state.hasOpenConflict ? 'merge' : decision;
}

/**
 * The provider deleted the object. Where the venue has not changed the record, the deletion travels. The newer of two
 * changes is unknown where the provider does not date its deletion.
 */
function ofDeletion(
  { superseded, deletedAtMs }: PulledVersion,
  {
    known: { recordDeleted, recordVersion, link },
    decision,
    state,
  }: { readonly known: KnownRemote; readonly decision: 'archive' | 'keep'; readonly state: TwoWayState },
): TwoWayDecision {
  const isUnchanged = recordVersion === link?.recordVersion && !state.hasOpenConflict;
  if (superseded || recordDeleted || isUnchanged) return 'archive';
  if (state.policy === 'newest') return deletedAtMs === null ? 'hold' : decision;
  return ({ venue: 'keep', provider: 'archive', review: 'hold' } as const)[state.policy];
}

/** The venue deleted the record. Where the provider has not changed the object, the push takes it out of use. */
function ofDeletedRecord(
  { fingerprint }: PulledVersion,
  { recordUpdatedAtMs, link }: KnownRemote,
  { policy, providerChangedAtMs, hasOpenConflict, isArchived }: TwoWayState,
): TwoWayDecision {
  // A version that a person has decided about is told again by the next feed; only another one is another question.
  const isKnown = fingerprint === link?.fingerprint && !hasOpenConflict;
  if (link === null || isArchived || isKnown) return 'touch';
  const winner = winnerOf(policy, { venue: recordUpdatedAtMs, provider: providerChangedAtMs });
  if (winner === null) return 'hold';
  return winner === 'venue' ? 'touch' : 'revive';
}
