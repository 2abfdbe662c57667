import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { Secret } from './secret.ts';

/** Given to the api process: it can store what a user has just entered and read nothing back. */
export interface Sealer {
  seal(plaintext: Secret, context: SealContext): Promise<SealedSecret>;
}

/** Given to the worker process alone. */
export interface Opener {
  open(sealed: SealedSecret, context: SealContext): Promise<Secret>;
}
