/** What is known of a record and its link before a pulled version is applied. */
export interface KnownRemote {
  readonly recordVersion: number;
  readonly recordDeleted: boolean;
  /** When the record last changed, by our clock. */
  readonly recordUpdatedAtMs: number;
  readonly link: {
    /** The newest version applied; of a link that is gone, the version of the deletion. */
    readonly externalVersion: number;
    /** The record's version that was last agreed. */
    readonly recordVersion: number;
    readonly fingerprint: string | null;
    readonly gone: boolean;
    /** This run has met the remote record before. */
    readonly metInThisRun: boolean;
    /** When the remote record was last known to be there, by our clock. */
    readonly syncedAtMs: number;
  } | null;
}

export interface PulledVersion {
  readonly version: number;
  readonly deleted: boolean;
  /** With `deleted`: another record has taken its place. */
  readonly superseded: boolean;
  /** The provider was asked for this one object after everything that is known of it had been applied: nothing known is newer. */
  readonly certain: boolean;
  /** With `deleted`: when, by the provider's clock; null where it does not tell. */
  readonly deletedAtMs: number | null;
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
  /** Take the provider's fields, and undelete the record: the provider has made the remote record again under its old id. */
  | 'revive'
  /** Nothing to write but that we have seen this version. */
  | 'touch'
  /** Tie our own earlier push's remote record to its record. */
  | 'link'
  /** The record is deleted at the provider. */
  | 'archive'
  /** The remote record is deleted at the provider, but the venue wrote the record after that: the record stays, and the next push creates it anew. */
  | 'keep'
  /** Versions do not tell whether the remote record is there: the provider has to be asked for it. */
  | 'look-up'
  /** An older version than the one applied, or a deletion of something we never had. */
  | 'ignore';

/** The version of a deletion that nothing follows: another record has taken the place. */
export const NOTHING_FOLLOWS = Number.MAX_SAFE_INTEGER;

/**
 * What to do with one pulled version. Applying any set of versions of a record, in any order and any number of times, ends with
 * the newest one, be it a deletion, or what the provider made under the same id after a deletion. Of a record that we never had, whoever
 * reads has to keep versions back that are older than a deletion, since nothing is stored of it.
 */
export function decidePull(pulled: PulledVersion, known: KnownRemote | null): PullDecision {
  if (known?.link == null) return firstSight(pulled, known);
  const tied = { ...known, link: known.link };
  if (pulled.deleted) return ofDeletion(pulled, tied);
  if (tied.link.gone) return ofReturn(pulled, tied);
  if (!pulled.certain && isOlder(pulled, tied.link)) return 'ignore';
  // Deleted by the venue, changed at the provider: the venue's deletion stands.
  if (pulled.fingerprint === tied.link.fingerprint || known.recordDeleted) return 'touch';
  return taken(tied);
}

type Tied = KnownRemote & { readonly link: NonNullable<KnownRemote['link']> };

/**
 * A provider's clock ticks in seconds: a change in the second of the one that was applied has the same version. Feeds tell the newest
 * first, so of equal versions the one that a run meets first is the newer, and may have come after an earlier run had read that second.
 */
function isOlder({ version }: PulledVersion, { externalVersion, metInThisRun }: Tied['link']): boolean {
  return version < externalVersion || (version === externalVersion && metInThisRun);
}

function firstSight(pulled: PulledVersion, known: KnownRemote | null): PullDecision {
  // Deleted by the venue before it was ever tied: a late reading does not bring it back.
  if (pulled.deleted || known?.recordDeleted === true) return 'ignore';
  return known === null ? 'create' : 'link';
}

/**
 * A deletion that seems older than a reading, or that a run hears of after it has met the remote record, may be the end of an earlier object with
 * the same id, or may have been dated by another clock than the reading.
 */
function ofDeletion(pulled: PulledVersion, known: Tied): PullDecision {
  const { link } = known;
  if (link.gone) return pulled.version > link.externalVersion ? 'touch' : 'ignore';
  if (!pulled.certain && (pulled.version < link.externalVersion || link.metInThisRun)) return 'look-up';
  return !pulled.superseded && isWrittenSince(known, pulled.deletedAtMs ?? link.syncedAtMs) ? 'keep' : 'archive';
}

/** The venue changed the record since both sides agreed, and may have done so after that time. */
function isWrittenSince({ recordVersion, recordDeleted, recordUpdatedAtMs, link }: Tied, sinceMs: number): boolean {
  return !recordDeleted && recordVersion !== link.recordVersion && recordUpdatedAtMs >= sinceMs;
}

/** Versions as old as the deletion may be of the second in which the remote record was deleted and made again. */
function ofReturn(pulled: PulledVersion, known: Tied): PullDecision {
  const { externalVersion, metInThisRun } = known.link;
  if (externalVersion === NOTHING_FOLLOWS) return 'ignore';
  if (!pulled.certain && pulled.version <= externalVersion) return metInThisRun ? 'ignore' : 'look-up';
  return known.recordDeleted ? 'revive' : taken(known);
}

const taken = ({ recordVersion, link }: Tied): PullDecision =>
  recordVersion === link.recordVersion ? 'update' : 'overwrite';
