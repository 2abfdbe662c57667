import type { ConnectionId, RecordId } from '../../contracts/ids.ts';
import { fingerprintOf } from './fingerprint.ts';

interface WriteIdentity {
  readonly connectionId: ConnectionId;
  readonly recordId: RecordId;
  /** Grows when a key may not be used again: after a stored failure, and after a key's life has ended. */
  readonly attempt: number;
}

/**
 * The key of a record's first write. It does not depend on the record's content on purpose: a record that changes between an
 * ambiguous first write and its repeat must be recognised by the provider as the same creation, not created twice.
 */
export function createKey({ connectionId, recordId, attempt }: WriteIdentity): string {
  return `il-c-${fingerprintOf([connectionId, recordId, 'create', attempt]).slice(0, 40)}`;
}

/** A write to a remote record that is there, for one version of the record. */
interface LaterWrite extends WriteIdentity {
  readonly recordVersion: number;
}

/**
 * The key of a later write: the same content of the same version has the same key. The version is in it because content comes back: under
 * the key of an earlier day's write of it, the provider would repeat that answer and change nothing.
 */
export function updateKey(
  { connectionId, recordId, attempt, recordVersion }: LaterWrite,
  payloadFingerprint: string,
): string {
  return `il-u-${fingerprintOf([connectionId, recordId, 'update', attempt, recordVersion, payloadFingerprint]).slice(0, 40)}`;
}

/** The key of taking a remote record out of use. */
export function archiveKey({ connectionId, recordId, attempt, recordVersion }: LaterWrite): string {
  return `il-a-${fingerprintOf([connectionId, recordId, 'archive', attempt, recordVersion]).slice(0, 40)}`;
}
