import type { ConnectionRef } from './ids.ts';

declare const sealed: unique symbol;

/** An AWS Encryption SDK message. Safe to store; useless without the key service. */
export type SealedSecret = Uint8Array & { readonly [sealed]: true };

/** Bound into the ciphertext and compared on open: a row copied to another venue, connection or purpose cannot be opened there. */
export interface SealContext extends ConnectionRef {
  readonly purpose: 'provider-api-key' | 'provider-oauth-tokens';
}
