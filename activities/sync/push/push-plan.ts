import type { PlanAction } from '../../../contracts/sync.ts';
import type { PushResult } from '../../../db/push/push-store.ts';
import type { PlanEntry } from '../../../db/runs/plan-items.ts';
import type { PushDecision } from '../../../domain/sync/push/push-decision.ts';
import type { BatchWriter, ResourceMapping } from '../../../providers/provider.ts';
import { describeProblems } from '../pull/pulled-record.ts';
import { PLACE_TAKEN } from './push-result.ts';
import type { PushWork } from './push-work.ts';

/** A dry run's entry for the record, against which the later result is compared. */
export function toPlanEntry({ row, mapped, fingerprint, decision }: PushWork): PlanEntry {
  const action = PLANNED[decision === 'resolve' && row.link?.externalId != null ? 'update' : decision];
  const { id, sourceId, link } = row;
  return {
    ...{ key: id, action, recordId: id, sourceId, externalId: link?.externalId ?? null },
    detail: action === 'reject' ? describeProblems(mapped.problems) : null,
    fingerprint: action === 'create' || action === 'update' ? fingerprint : null,
  };
}

/** The entry of a record whose place at the provider is another record's. */
export const toTakenEntry = (work: PushWork): PlanEntry => ({
  ...toPlanEntry(work),
  ...{ action: 'reject', detail: PLACE_TAKEN, fingerprint: null },
});

const PLANNED: Readonly<Record<PushDecision, PlanAction>> = {
  create: 'create',
  resolve: 'create',
  update: 'update',
  archive: 'archive',
  unchanged: 'skip',
  reject: 'reject',
};
const DONE: Readonly<Record<PushResult['action'], PlanAction>> = {
  created: 'create',
  updated: 'update',
  archived: 'archive',
  unchanged: 'skip',
  rejected: 'reject',
};

/** The outcome for the record, to be compared with its plan. */
export function toDoneEntry(work: PushWork, { action, externalId }: PushResult): PlanEntry {
  return { ...toPlanEntry(work), action: DONE[action], externalId };
}

/** Number of HTTP calls that writing the record alone would take. */
function callsOf({ row, mapped, decision }: PushWork, mapping: ResourceMapping): number {
  if (decision === 'archive') return 1;
  if (decision !== 'create' && decision !== 'update' && decision !== 'resolve') return 0;
  return mapping.callsToWrite(mapped, row.link?.externalId == null ? null : { externalState: row.link.externalState });
}

/** Counts the calls that a dry run's writes would take; records that go together share the calls of one. */
export class PlannedCalls {
  readonly #mapping: ResourceMapping;
  /** Most records a call; one where the provider takes no batches. */
  readonly #size: number;
  readonly #together = new Map<string, number>();

  constructor(mapping: ResourceMapping, batch: Pick<BatchWriter, 'size'> | undefined) {
    this.#mapping = mapping;
    this.#size = batch?.size ?? 1;
  }

  /** The calls that these records add to those counted before. */
  add(works: readonly PushWork[]): number {
    return works.reduce((sum, work) => sum + this.#addOne(work), 0);
  }

  #addOne(work: PushWork): number {
    const calls = callsOf(work, this.#mapping);
    if (work.decision !== 'create' && work.decision !== 'update') return calls;
    const kind = `${work.decision} ${calls}`;
    const earlier = this.#together.get(kind) ?? 0;
    this.#together.set(kind, earlier + 1);
    // The first record of each batch brings the calls of the whole batch.
    return earlier % this.#size === 0 ? calls : 0;
  }
}
