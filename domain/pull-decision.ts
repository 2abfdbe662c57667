/** What is known of a record and its link before a pulled version is applied. */
export interface KnownTwin {
  readonly recordVersion: number;
  readonly recordDeleted: boolean;
  readonly link: {
    readonly externalVersion: number;
    /** The record's version that was last agreed. */
    readonly recordVersion: number;
    readonly fingerprint: string | null;
    readonly gone: boolean;
    /** This run has met the twin before. */
    readonly metInThisRun: boolean;
  } | null;
}

export interface PulledVersion {
  readonly version: number;
  readonly deleted: boolean;
  /** Of the pulled fields, mapped as a push would map them; null for a deletion. */
  readonly fingerprint: string | null;
}

export type PullDecision =
  /** A new record of ours. */
  | 'create'
  /** Take the provider's fields. */
  | 'update'
  /** Take the provider's fields although the venue changed the record too since they last agreed. */
  | 'overwrite'
  /** Nothing to write but that we have seen this version. */
  | 'touch'
  /** Tie our own earlier push's twin to its record. */
  | 'adopt'
  /** The record is deleted at the provider. */
  | 'archive'
  /** An older version than the one applied, or a deletion of something we never had. */
  | 'ignore';

/**
 * What to do with one pulled version. Applying any set of versions of a record, in any order and any number of times, ends with
 * the newest one. A record deleted at the provider stays deleted whatever late version arrives; of one that we never had, whoever
 * reads has to keep older versions back, since nothing is stored of its deletion.
 */
export function decidePull(pulled: PulledVersion, known: KnownTwin | null): PullDecision {
  if (known?.link == null) return firstSight(pulled, known);
  const { link, recordVersion, recordDeleted } = known;
  if (link.gone) return 'ignore';
  // Nothing follows a deletion. One that seems older than what was applied only comes of a clock that differs, or of the same second.
  if (pulled.deleted) return 'archive';
  if (isOlder(pulled, link)) return 'ignore';
  // Deleted by the venue, changed at the provider: the venue's deletion stands.
  if (pulled.fingerprint === link.fingerprint || recordDeleted) return 'touch';
  return recordVersion === link.recordVersion ? 'update' : 'overwrite';
}

/**
 * A provider's clock ticks in seconds: a change in the second of the one that was applied has the same version. Feeds tell the newest
 * first, so of equal versions the one that a run meets first is the newer, and may have come after an earlier run had read that second.
 */
function isOlder({ version }: PulledVersion, { externalVersion, metInThisRun }: NonNullable<KnownTwin['link']>): boolean {
  return version < externalVersion || (version === externalVersion && metInThisRun);
}

function firstSight(pulled: PulledVersion, known: KnownTwin | null): PullDecision {
  // Deleted by the venue before it was ever tied: a late reading does not bring it back.
  if (pulled.deleted || known?.recordDeleted === true) return 'ignore';
  return known === null ? 'create' : 'adopt';
}
