import type { Secret } from './secret.ts';

/** The key that wraps data keys: one in AWS KMS or, for development only, one held by this process. */
export type KeyringConfig =
  | {
      readonly kind: 'kms';
      /** Key id, key ARN, alias name or alias ARN. */
      readonly keyId: string;
      readonly region: string;
      /** Base URL of a KMS other than the region's default. */
      readonly endpoint?: string;
      /**
       * ARNs of keys in the same region that stored secrets may be sealed under, before and after a rotation. Used for
       * opening, never for sealing.
       */
      readonly otherKeyArns?: readonly string[];
    }
  | {
      readonly kind: 'local';
      /** A value that `decodeLocalKey` accepts. */
      readonly key: Secret;
      /** Like `otherKeyArns`. */
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
