import type { Secret } from './secret.ts';

/** Which key wraps the data keys: one in AWS KMS, or, for development only, one held by this process. */
export type KeyringConfig =
  | {
      readonly kind: 'kms';
      /** Key id, key ARN, alias name or alias ARN. */
      readonly keyId: string;
      readonly region: string;
      /** Base URL of a KMS other than the region's own. */
      readonly endpoint?: string;
      /** Key ARNs of the same region that secrets may also be sealed under, before and after a rotation: opened with, never sealed with. */
      readonly otherKeyArns?: readonly string[];
    }
  | {
      readonly kind: 'local';
      /** Text that `decodeLocalKey` accepts. */
      readonly key: Secret;
      /** As `otherKeyArns`. */
      readonly otherKeys?: readonly Secret[];
    };

export const LOCAL_KEY_BYTES = 32;

const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[0-9a-z+/]{43}=?$/i;

/** Reads a wrapping key written as hex (64 digits) or base64 (43 characters, padded or not). Null when it is not exactly 32 bytes. */
export function decodeLocalKey(text: string): Uint8Array | null {
  if (HEX.test(text)) return new Uint8Array(Buffer.from(text, 'hex'));
  if (!BASE64.test(text)) return null;
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return bytes.length === LOCAL_KEY_BYTES ? bytes : null;
}
