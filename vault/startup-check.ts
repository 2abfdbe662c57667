import { provenKeyOf, currentKeyOf } from './wrapping-key.ts';
import { VaultError } from './vault-error.ts';
import type { Opener, Sealer } from './vault.ts';

/**
 * The key cannot be used with the current configuration. The message says what to change and quotes no key and no
 * answer.
 */
export class KeyAccessError extends Error {
  override readonly name = 'KeyAccessError';
}

/**
 * `ready`, or `unavailable` when the key service does not answer now. The process still starts: it can do what needs no
 * secret, and the rest once the key service is back. `code` is the key service's own.
 */
export type KeyAccess =
  | { readonly state: 'ready'; readonly keyName: string }
  | { readonly state: 'unavailable'; readonly code: string | null };

/**
 * AWS error codes that a person has to fix: https://docs.aws.amazon.com/kms/latest/APIReference/CommonErrors.html
 * (2026-11-21).
 */
const REMEDIES: Readonly<Record<string, string>> = {
  AccessDeniedException:
    'the AWS role of this process may not use the key of AWS_KMS_KEY_ID: allow it {rights} in the key policy or an IAM policy',
  NotFoundException: 'AWS KMS knows no key AWS_KMS_KEY_ID in the region AWS_REGION: correct one of the two',
  DisabledException: 'the key of AWS_KMS_KEY_ID is disabled: enable it (aws kms enable-key), or set another',
  KMSInvalidStateException:
    'the key of AWS_KMS_KEY_ID is not in a usable state, such as pending deletion: restore it (aws kms cancel-key-deletion, then enable-key), or set another',
  InvalidKeyUsageException:
    'the key of AWS_KMS_KEY_ID is not a symmetric encryption key: set one with the usage ENCRYPT_DECRYPT',
  InvalidArnException: 'AWS_KMS_KEY_ID is not a key of the region AWS_REGION: correct one of the two',
  ValidationException: 'AWS KMS does not take AWS_KMS_KEY_ID: set a key id, key ARN, alias name or alias ARN',
  CredentialsProviderError:
    'no AWS credentials were found: give this process a role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  UnrecognizedClientException: 'AWS does not know the access key of this process: correct its AWS credentials',
  InvalidClientTokenId: 'AWS does not know the access key of this process: correct its AWS credentials',
  InvalidSignatureException:
    'AWS does not accept the secret access key of this process: correct its AWS credentials, and check the clock',
  ExpiredTokenException: 'the AWS session token of this process has expired: give it a role, or fresh credentials',
  IncorrectKeyException:
    'what was sealed just now cannot be opened: AWS_KMS_KEY_ID names different keys for this process',
};

/**
 * Verifies at startup that this process may use its key as it needs to: the api seals, and a worker, which has an
 * opener, also opens. Throws KeyAccessError when a person has to change something first.
 */
export async function checkKeyAccess(sealer: Sealer, opener: Opener | null = null): Promise<KeyAccess> {
  try {
    return { state: 'ready', keyName: await (opener === null ? currentKeyOf(sealer) : provenKeyOf(sealer, opener)) };
  } catch (error) {
    if (!(error instanceof VaultError)) throw error;
    const remedy = error.code !== null && Object.hasOwn(REMEDIES, error.code) ? REMEDIES[error.code] : undefined;
    if (remedy !== undefined)
      throw new KeyAccessError(
        `Credentials cannot be stored: ${remedy.replace('{rights}', rightsOf(opener !== null))} (${String(error.code)})`,
      );
    if (error.kind !== 'key-service-unavailable')
      throw new KeyAccessError(`Credentials cannot be stored: ${error.message}`);
    return { state: 'unavailable', code: error.code };
  }
}

const rightsOf = (opens: boolean): string => (opens ? 'kms:GenerateDataKey and kms:Decrypt' : 'kms:GenerateDataKey');
