import type { ConnectionRef } from './ids.ts';

declare const sealed: unique symbol;

/** An AWS Encryption SDK message. Safe to store; useless without the key service. */
export type SealedSecret = Uint8Array & { readonly [sealed]: true };

/** Bound into the ciphertext and compared on open: a row copied to another venue, connection or purpose cannot be opened there. */
export interface SealContext extends ConnectionRef {
  /** `probe`: of no secret; it proves that a key may be used. */
  readonly purpose: SecretPurpose | 'probe';
}

/** What is kept sealed: a key that a venue entered, or the tokens of an OAuth grant. */
export type SecretPurpose = 'provider-api-key' | 'provider-oauth-tokens';
