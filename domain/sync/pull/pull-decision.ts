/** The stored state of a record and its link before a pulled version is applied. */
export interface KnownRemote {
  readonly recordVersion: number;
  readonly recordDeleted: boolean;
  /** When the record last changed, by our clock. */
  readonly recordUpdatedAtMs: number;
  readonly link: {
    /** The newest applied version. For a link that is gone, the version of the deletion. */
    readonly externalVersion: number;
    /** The record's version when both sides last agreed. */
    readonly recordVersion: number;
    readonly fingerprint: string | null;
    /** The version of the field mapping under which the record was last read or written. */
    readonly mappingVersion: number;
    readonly gone: boolean;
    /** This run has already read the remote record. */
    readonly metInThisRun: boolean;
    /** An event or another writer has stored it since this run began, and this run has not read it yet. */
    readonly storedMeanwhile?: boolean;
    /** When the remote record was last known to exist, by our clock. */
    readonly syncedAtMs: number;
  } | null;
}

export interface PulledVersion {
  readonly version: number;
  readonly deleted: boolean;
  /** With `deleted`: another record has replaced it. */
  readonly superseded: boolean;
  /** The provider was asked for this object after everything known of it was applied, so nothing known is newer. */
  readonly certain: boolean;
  /** With `deleted`: the time of deletion by the provider's clock; null when the provider does not tell. */
  readonly deletedAtMs: number | null;
  /** Fingerprint of the pulled fields, mapped as for a push; null for a deletion. */
  readonly fingerprint: string | null;
  /** The version of the field mapping that the pull applies. */
  readonly mappingVersion: number;
  /** It tells something else than is stored of what no push writes, which the fingerprint does not cover. */
  readonly differsUnwritten?: boolean;
  /** It began before the day from which the connection pulls history. */
  readonly beforeHistory: boolean;
}

export type PullDecision =
  /** Create a new record. */
  | 'create'
  /** Take the provider's fields. */
  | 'update'
  /** Take the provider's fields although the venue has also changed the record since both sides agreed. */
  | 'overwrite'
  /** Take the provider's fields and undelete the record: the provider recreated the remote record under its old id. */
  | 'revive'
  /** Store only that this version was seen. */
  | 'touch'
  /** Link the remote record of our own earlier push to its record. */
  | 'link'
  /** The record is deleted at the provider. */
  | 'archive'
  /**
   * The remote record is deleted at the provider, but the venue wrote the record afterwards: keep the record, and let
   * the next push recreate it.
   */
  | 'keep'
  /** Versions do not tell whether the remote record exists, so ask the provider. */
  | 'look-up'
  /** An older version than the applied one, a deletion of an unknown object, or one from before the history that is pulled. */
  | 'ignore';

/** The version of a final deletion: another record has replaced this one. */
export const NOTHING_FOLLOWS = Number.MAX_SAFE_INTEGER;

/**
 * What to do with one pulled version. Applying the versions of a record in any order and any number of times ends with
 * the newest: its content, its deletion, or its recreation under the same id. For an unknown record nothing is stored,
 * so the reader must hold back versions older than a deletion.
 */
export function decidePull(pulled: PulledVersion, known: KnownRemote | null): PullDecision {
  if (known?.link == null) return firstSight(pulled, known);
  const tied = { ...known, link: known.link };
  if (pulled.deleted) return ofDeletion(pulled, tied);
  if (tied.link.gone) return ofReturn(pulled, tied);
  const doubt = pulled.certain ? null : doubtOf(pulled, tied.link);
  if (doubt !== null) return doubt;
  // The venue deleted the record while the provider changed it: the venue's deletion wins.
  if (known.recordDeleted) return 'touch';
  return pulled.fingerprint === tied.link.fingerprint ? ofUnchanged(pulled, tied) : taken(tied);
}

type Tied = KnownRemote & { readonly link: NonNullable<KnownRemote['link']> };

/**
 * A provider's clock has a resolution of seconds, so a change in the same second as the applied one has the same
 * version. Feeds return the newest first: of equal versions, the first one a run reads is the newest, and it may
 * postdate an earlier run's reading of that second.
 */
function isOlder({ version }: PulledVersion, { externalVersion, metInThisRun }: Tied['link']): boolean {
  return version < externalVersion || (version === externalVersion && metInThisRun);
}

const doubtOf = (pulled: PulledVersion, link: Tied['link']): 'ignore' | 'look-up' | null =>
  isOlder(pulled, link) ? 'ignore' : isDoubtful(pulled, link) ? 'look-up' : null;

/**
 * A page that was on its way when an event was applied may tell of an earlier state, whatever the versions say: a reading
 * is dated by its session's estimate of the provider's clock, which may be a second or more behind.
 */
const isDoubtful = ({ fingerprint }: PulledVersion, link: Tied['link']): boolean =>
  link.storedMeanwhile === true && fingerprint !== link.fingerprint;

function firstSight(pulled: PulledVersion, known: KnownRemote | null): PullDecision {
  // The venue deleted the record before it was linked: a late reading must not bring it back.
  if (pulled.deleted || known?.recordDeleted === true) return 'ignore';
  if (known !== null) return 'link';
  return pulled.beforeHistory ? 'ignore' : 'create';
}

/**
 * A deletion may look older than a reading, or arrive after this run has read the remote record. It may then concern an
 * earlier object with the same id, or be dated by a different clock.
 */
function ofDeletion(pulled: PulledVersion, known: Tied): PullDecision {
  const { link } = known;
  if (link.gone) return pulled.version > link.externalVersion ? 'touch' : 'ignore';
  if (!pulled.certain && (pulled.version < link.externalVersion || link.metInThisRun)) return 'look-up';
  return !pulled.superseded && isWrittenSince(known, pulled.deletedAtMs ?? link.syncedAtMs) ? 'keep' : 'archive';
}

/**
 * What a push would write is as agreed, but another mapping may make other fields of it, and the provider may tell more
 * than is written to it. What the venue has changed since is the newer side: the next push sends it.
 */
function ofUnchanged(
  { mappingVersion, differsUnwritten = false }: PulledVersion,
  { recordVersion, link }: Tied,
): PullDecision {
  if (recordVersion !== link.recordVersion) return 'touch';
  return mappingVersion !== link.mappingVersion || differsUnwritten ? 'update' : 'touch';
}

/** The venue has changed the record since both sides agreed, possibly after `sinceMs`. */
function isWrittenSince({ recordVersion, recordDeleted, recordUpdatedAtMs, link }: Tied, sinceMs: number): boolean {
  return !recordDeleted && recordVersion !== link.recordVersion && recordUpdatedAtMs >= sinceMs;
}

/** A version as old as the deletion may come from the second in which the remote record was deleted and recreated. */
function ofReturn(pulled: PulledVersion, known: Tied): PullDecision {
  const { externalVersion, metInThisRun } = known.link;
  if (externalVersion === NOTHING_FOLLOWS) return 'ignore';
  if (!pulled.certain && pulled.version <= externalVersion) return metInThisRun ? 'ignore' : 'look-up';
  return known.recordDeleted ? 'revive' : taken(known);
}

const taken = ({ recordVersion, link }: Tied): PullDecision =>
  recordVersion === link.recordVersion ? 'update' : 'overwrite';
