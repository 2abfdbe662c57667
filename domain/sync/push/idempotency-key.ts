import type { ConnectionId, RecordId } from '../../../contracts/ids.ts';
import { fingerprintOf } from '../fingerprint.ts';

/** Part of a key's life that is not relied on, for clocks that differ and calls under way; of a long life at most an hour. */
const UNSAFE_SHARE = 0.1;
const LONGEST_UNSAFE_MS = 3_600_000;

/** Until when a write may be repeated under a key that was first sent then. */
export function repeatableUntilMs(sentAtMs: number, keyLifeMs: number): number {
  return sentAtMs + keyLifeMs - Math.min(LONGEST_UNSAFE_MS, keyLifeMs * UNSAFE_SHARE);
}

interface WriteIdentity {
  readonly connectionId: ConnectionId;
  readonly recordId: RecordId;
  /** Incremented when a key must not be reused: after a stored failure, and after a key has expired. */
  readonly attempt: number;
  /**
   * How often the provider has refused the record; 0 by default. A provider may keep a refusal under its key, and would
   * repeat it when the cause is gone.
   */
  readonly refusals?: number;
}

/** At the end of what a key is made of. Nothing without a refusal: keys from before refusals were counted stay the same. */
const afterRefusals = ({ refusals = 0 }: Pick<WriteIdentity, 'refusals'>): readonly number[] =>
  refusals === 0 ? [] : [refusals];

/**
 * The key of a record's first write. Deliberately independent of the record's content: when a record changes between an
 * ambiguous first write and its retry, the provider must recognise the same creation rather than create it twice.
 */
export function createKey({ connectionId, recordId, attempt, ...more }: WriteIdentity): string {
  return `il-c-${fingerprintOf([connectionId, recordId, 'create', attempt, ...afterRefusals(more)]).slice(0, 40)}`;
}

/** A write to an existing remote record, for one version of the record. */
interface LaterWrite extends WriteIdentity {
  readonly recordVersion: number;
}

/**
 * The key of a later write: the same content of the same version has the same key. It includes the version because
 * content can return to an earlier state: with the earlier key the provider would replay its old answer and change
 * nothing.
 */
export function updateKey(
  { connectionId, recordId, attempt, recordVersion, ...more }: LaterWrite,
  payloadFingerprint: string,
): string {
  const content = [connectionId, recordId, 'update', attempt, recordVersion, payloadFingerprint];
  return `il-u-${fingerprintOf([...content, ...afterRefusals(more)]).slice(0, 40)}`;
}

/** The key of archiving a remote record. */
export function archiveKey({ connectionId, recordId, attempt, recordVersion, ...more }: LaterWrite): string {
  const content = [connectionId, recordId, 'archive', attempt, recordVersion];
  return `il-a-${fingerprintOf([...content, ...afterRefusals(more)]).slice(0, 40)}`;
}

interface BatchedWrite {
  readonly recordId: RecordId;
  readonly recordVersion: number;
  readonly attempt: number;
  /** As of a single write. */
  readonly refusals?: number;
}

/**
 * The key of a batch of writes: the same versions of the same records have the same key. `round` is incremented when the
 * batch is sent again with other content, such as newer versions of the remote records.
 */
export function batchKey(
  connectionId: ConnectionId,
  writes: readonly BatchedWrite[],
  { action, round }: { readonly action: 'create' | 'update'; readonly round: number },
): string {
  const records = writes.map((write) => [write.recordId, write.recordVersion, write.attempt, ...afterRefusals(write)]);
  return `il-b-${fingerprintOf([connectionId, action, round, records]).slice(0, 40)}`;
}
