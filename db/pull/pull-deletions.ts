import type { Decided } from './pull-lookup.ts';
import { moveGone } from './pull-apply.ts';
import type { PulledRecord } from './pulled-record.ts';
import type { KindScope } from '../runs/run-scope.ts';
import { noteMissing } from './sync-missing.ts';
import type { Deletion, MissingNote } from './sync-missing.ts';
import type { Transaction } from '../core/venue-scope.ts';

/** The newest of several readings of a record. */
export interface NewestReading {
  readonly pulled: PulledRecord;
  /** The older readings that have fields, newest first. */
  readonly older: readonly PulledRecord[];
  /** Another reading that seems older reports the record as deleted. */
  readonly contradicted: boolean;
}

/** A change feed may return a record twice on one page, newest first, so of equal versions the first is the newest. */
export function newestOfEach(records: readonly PulledRecord[]): readonly NewestReading[] {
  return [...Map.groupBy(records, ({ externalId }) => externalId).values()].map((readings) => {
    const pulled = readings.reduce((newest, one) => (one.version > newest.version ? one : newest));
    const others = readings.filter((one) => one !== pulled);
    return {
      pulled,
      older: others.filter(({ fields }) => fields !== null).sort((a, b) => b.version - a.version),
      contradicted: !pulled.deleted && others.some(({ deleted }) => deleted),
    };
  });
}

/**
 * Drops readings of a record after its deletion. A feed returns the newest first, so they are older and would restore
 * the record.
 */
export const withoutDeleted = (
  part: readonly NewestReading[],
  missing: ReadonlyMap<string, number>,
): readonly NewestReading[] =>
  part.filter(({ pulled }) => pulled.deleted || pulled.version > (missing.get(pulled.externalId) ?? -Infinity));

/**
 * Sets deletions aside until everything is read, together with records that the provider has to be asked about. Returns
 * what to apply now.
 */
export async function setDeletionsAside(
  tx: Transaction,
  scope: KindScope,
  { decided, contradicted }: { readonly decided: readonly Decided[]; readonly contradicted: ReadonlySet<string> },
): Promise<readonly Decided[]> {
  const isDeletion = ({ pulled }: Decided) => pulled.deleted && !pulled.superseded;
  const notes = decided.flatMap((one) => {
    if (isDeletion(one)) return [toNote(one)];
    return one.decision === 'look-up' || contradicted.has(one.pulled.externalId) ? [toDoubt(one)] : [];
  });
  await noteMissing(tx, scope, notes);
  if (scope.dryRun !== true)
    await moveGone(
      tx,
      scope,
      decided.filter((one) => isDeletion(one) && one.decision === 'touch'),
    );
  return decided.filter((one) => !isDeletion(one) && one.decision !== 'look-up');
}

function toNote(one: Decided): MissingNote {
  if (one.decision === 'look-up') return toDoubt(one);
  const { externalId, version, deletedAtMs } = one.pulled;
  return {
    externalId,
    recordId: knownId(one),
    reason: 'told',
    version,
    deletedAtMs,
    settled: one.decision === 'ignore' || one.decision === 'touch',
  };
}

const toDoubt = (one: Decided): MissingNote => ({
  externalId: one.pulled.externalId,
  recordId: knownId(one),
  reason: 'doubted',
  version: null,
  deletedAtMs: null,
  settled: false,
});

const knownId = ({ record }: Decided) => (record.version > 0 ? record.id : null);

/** A deletion as a pulled record. */
export const toDeletion = ({ externalId, version, deletedAtMs, certain }: Deletion): PulledRecord => ({
  beforeHistory: false,
  ...{ externalId, version, deletedAtMs, certain },
  deleted: true,
  superseded: false,
  mergedFrom: [],
  recordId: null,
  fields: null,
  metadataKeys: [],
  references: null,
  listReferences: null,
  externalState: null,
  changedAtMs: null,
  fingerprintFor: () => null,
  payloadFingerprint: () => {
    throw new Error('a deletion has no payload');
  },
  identity: () => null,
  contentFingerprint: () => null,
});
