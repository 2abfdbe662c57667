import type { ConnectionRef, JobId } from './ids.ts';

declare const sealed: unique symbol;

/** An AWS Encryption SDK message. Safe to store; useless without the key service. */
export type SealedSecret = Uint8Array & { readonly [sealed]: true };

/** Bound into the ciphertext and compared on open: a row copied to another venue, connection or purpose cannot be opened there. */
export interface SealContext extends ConnectionRef {
  /** `probe`: of no secret; it proves that a key may be used. `authorization`: the code and the verifier of an attempt to connect, for its ten minutes. */
  readonly purpose: SecretPurpose | 'probe' | 'authorization';
}

/** What is kept sealed: a key that a venue entered, or the tokens of an OAuth grant. */
export type SecretPurpose = 'provider-api-key' | 'provider-oauth-tokens';

/** One stored secret. */
export interface SecretRef extends ConnectionRef {
  readonly purpose: SecretPurpose;
}

export const ROTATE_VAULT_KEYS = 'rotateVaultKeys';

/** One job is open at a time, so its workflow needs no other name; it is the job's own so that an old one is still found. */
export const rotateVaultKeysWorkflowId = (jobId: JobId): string => `rotate-vault-keys/${jobId}`;

/** Makes a waiting rotation look again at once. */
export const RETRY_ROTATION_SIGNAL = 'retry';

export interface RotateVaultKeysInput {
  readonly jobId: JobId;
  /** Set by continue-as-new: the job has begun. */
  readonly continued?: true;
}

/** How far a rotation has come: numbers only. */
export interface RotationProgress {
  /** Times that all secrets have been looked at, the one under way included. */
  readonly pass: number;
  /** Venues looked at in this pass, of so many when the job began. */
  readonly venuesDone: number;
  readonly venuesTotal: number | null;
  /** Secrets brought under the key, in all passes. */
  readonly resealed: number;
  /** In this pass: tampered with, moved, or sealed under a key that the worker does not have. */
  readonly unreadable: number;
}

export interface RotationChunkResult extends RotationProgress {
  /**
   * `more`: call again; `pass-ended`: everything was looked at and something was found under another key, so look again;
   * `done`: a whole pass found nothing to do.
   */
  readonly status: 'more' | 'pass-ended' | 'done';
}

export interface FinishRotationInput extends RotateVaultKeysInput {
  readonly end: 'completed' | 'cancelled' | 'failed';
  readonly errorType: string | null;
}

/** The `internal` queue. */
export interface KeyRotationActivities {
  readonly beginKeyRotation: (input: RotateVaultKeysInput) => Promise<RotationProgress>;
  readonly rotateKeysChunk: (input: RotateVaultKeysInput) => Promise<RotationChunkResult>;
  /** Shows on the job what it waits for. */
  readonly parkKeyRotation: (input: RotateVaultKeysInput & { readonly errorType: string }) => Promise<void>;
  readonly finishKeyRotation: (input: FinishRotationInput) => Promise<RotationProgress>;
}
