import { AlgorithmSuiteIdentifier, CommitmentPolicy } from '@aws-crypto/material-management-node';
import type { SealContext } from '../contracts/vault.ts';

/**
 * A suite with key commitment, so that one message cannot open to two plaintexts. It is unsigned because the same party
 * seals and opens, and a signature would cost a key pair per data key and 200 bytes per message.
 */
export const SUITE = AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY;

/**
 * Neither reads nor writes messages without key commitment. Allows one data key per message, because a second one would
 * be a second way to open it.
 */
export const CLIENT_OPTIONS = {
  commitmentPolicy: CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT,
  maxEncryptedDataKeys: 1,
} as const;

/** Ids only: the context is in plaintext in the message and in KMS's audit log. */
export function toEncryptionContext(context: SealContext): Readonly<Record<string, string>> {
  const { venueId: venue, purpose } = context;
  return context.purpose === 'webhook-signing-secret'
    ? { venue, subscription: context.subscriptionId, purpose }
    : { venue, connection: context.connectionId, purpose };
}
