import type { RecordId } from '../../contracts/ids.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { ListReferences } from '../../domain/sync/list-references.ts';
import type { PulledReferences } from './pulled-fields.ts';

interface OwnRecord {
  readonly id: RecordId;
  readonly sourceId: string;
}

/** By what records of the venue are the same as a provider's object. */
export interface PulledIdentity {
  /** The fields that it is made of. By the first, which has this value in lower case, records are looked up. */
  readonly fields: readonly [string, ...string[]];
  readonly key: string;
  readonly isOf: (record: OwnRecord, fields: RecordFields) => boolean;
  /** What a write of these fields would clear of the object, such as an address that is too incomplete to be sent. */
  readonly clearedBy: (record: OwnRecord, fields: RecordFields) => readonly string[];
}

/** A pulled record, with the fingerprints that a push of it would have. */
export interface PulledRecord {
  readonly externalId: string;
  readonly version: number;
  readonly deleted: boolean;
  /** With `deleted`: another record has replaced it, so nobody is asked. */
  readonly superseded: boolean;
  /** The provider was asked for this object after everything else about it was applied. */
  readonly certain: boolean;
  /** It began before the day from which the connection pulls history: it is stored only where it is known already. */
  readonly beforeHistory: boolean;
  /** With `deleted`: when, by the provider's clock; null when the provider does not say. */
  readonly deletedAtMs: number | null;
  /** When the object last changed, by the provider's clock; null when the provider does not say. */
  readonly changedAtMs: number | null;
  /** Ids of objects that the provider has merged into this one. */
  readonly mergedFrom: readonly string[];
  /** Our record's id, if an earlier push left it at the provider. */
  readonly recordId: RecordId | null;
  /** As the venue's record has them; null for a deletion. */
  readonly fields: RecordFields | null;
  /** Of the provider's object, whatever the venue's record calls them. */
  readonly metadataKeys: readonly string[];
  readonly references: PulledReferences | null;
  /** The provider's ids of other records that its lists name; null when they name none. */
  readonly listReferences: ListReferences | null;
  readonly externalState: Readonly<Record<string, string | number>> | null;
  /**
   * Fingerprint of the provider's object as a push of the record with this id and sourceId would write it; null for a
   * deletion.
   */
  readonly fingerprintFor: (record: OwnRecord) => string | null;
  /** Fingerprint of other fields of the record, mapped in the same way. */
  readonly payloadFingerprint: (record: OwnRecord, fields: RecordFields) => string;
  /** By what a record that no write has tied to the object is the same; null where nothing says so. */
  readonly identity: () => PulledIdentity | null;
  /** Fingerprint of the fields alone, which is the same in a dry run and in the run after it. */
  readonly contentFingerprint: () => string | null;
}
