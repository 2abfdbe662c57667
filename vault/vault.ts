import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { Secret } from './secret.ts';

/** Given to the api process: it can store what a user has just entered and read nothing back. */
export interface Sealer {
  seal(plaintext: Secret, context: SealContext): Promise<SealedSecret>;
}

/** Seals with a data key that is in hand already: the key service is not asked, and cannot fail. For one secret. */
export type PreparedSeal = (plaintext: Secret) => Promise<SealedSecret>;

/** For a secret that must not be lost between its making and its sealing, such as a token that replaces the one it was bought with. */
export interface PreparingSealer extends Sealer {
  /** Obtains the data key now. Throws VaultError when the key service does not give one. */
  prepare(context: SealContext): Promise<PreparedSeal>;
}

/** Given to the worker process alone. */
export interface Opener {
  open(sealed: SealedSecret, context: SealContext): Promise<Secret>;
}
