import type { RecordId } from '../../contracts/ids.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { PulledReferences } from './pulled-fields.ts';

/** One record as pulled, with what a push of it would agree on. */
export interface PulledRecord {
  readonly externalId: string;
  readonly version: number;
  readonly deleted: boolean;
  /** With `deleted`: another record has taken its place, and nobody has to be asked. */
  readonly superseded: boolean;
  /** The provider was asked for this one object after everything that is known of it had been applied. */
  readonly certain: boolean;
  /** With `deleted`: when, by the provider's clock; null where it does not tell. */
  readonly deletedAtMs: number | null;
  /** Our record's id, where an earlier push left it at the provider. */
  readonly recordId: RecordId | null;
  /** Null for a deletion. */
  readonly fields: RecordFields | null;
  readonly references: PulledReferences | null;
  readonly externalState: Readonly<Record<string, string | number>> | null;
  /** Of the fields as a push of the record with this id and sourceId would map them; null for a deletion. */
  readonly fingerprintFor: (record: { readonly id: RecordId; readonly sourceId: string }) => string | null;
  /** Of the fields alone: the same in a dry run and in the run after it. */
  readonly contentFingerprint: () => string | null;
}
