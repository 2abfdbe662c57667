import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { Secret } from './secret.ts';

/** The api process gets only this: it can store what a user enters and cannot read it back. */
export interface Sealer {
  seal(plaintext: Secret, context: SealContext): Promise<SealedSecret>;
}

/** Seals one secret with a data key already in memory, so that the key service can no longer make it fail. */
export type PreparedSeal = (plaintext: Secret) => Promise<SealedSecret>;

/**
 * For a secret that must not be lost between its creation and its sealing, such as a token that replaces the one it was
 * obtained with.
 */
export interface PreparingSealer extends Sealer {
  /** Obtains the data key now. Throws VaultError when the key service does not supply one. */
  prepare(context: SealContext): Promise<PreparedSeal>;
}

/** Only the worker process gets this. */
export interface Opener {
  open(sealed: SealedSecret, context: SealContext): Promise<Secret>;
}
