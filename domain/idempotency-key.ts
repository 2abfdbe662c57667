import type { ConnectionId, RecordId } from '../contracts/ids.ts';
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

/** The key of a later write: the same content has the same key. */
export function updateKey({ connectionId, recordId, attempt }: WriteIdentity, payloadFingerprint: string): string {
  return `il-u-${fingerprintOf([connectionId, recordId, 'update', attempt, payloadFingerprint]).slice(0, 40)}`;
}

/** The key of taking a twin out of use. */
export function archiveKey({ connectionId, recordId, attempt }: WriteIdentity): string {
  return `il-a-${fingerprintOf([connectionId, recordId, 'archive', attempt]).slice(0, 40)}`;
}
