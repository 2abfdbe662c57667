import { AlgorithmSuiteIdentifier, CommitmentPolicy } from '@aws-crypto/client-node';
import type { SealContext } from '../contracts/vault.ts';

/**
 * Commits to its key, so that one message cannot open to two plaintexts, and is not signed: whoever seals and whoever opens are
 * the same party, and a signature would cost a key pair per data key and 200 bytes per message.
 */
export const SUITE = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;

/** Nothing without key commitment is written or read. One data key a message: a second would be a second way in. */
export const CLIENT_OPTIONS = {
  commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
  maxEncryptedDataKeys: 1,
} as const;

/** Stands in the clear in the message and in KMS's audit log: ids only. */
export function toEncryptionContext({ venueId, connectionId, purpose }: SealContext): Readonly<Record<string, string>> {
  return { venue: venueId, connection: connectionId, purpose };
}
