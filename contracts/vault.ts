import type { ConnectionRef, JobId, SubscriptionRef } from './ids.ts';

declare const sealed: unique symbol;

/** An AWS Encryption SDK message. Safe to store: it cannot be opened without the key service. */
export type SealedSecret = Uint8Array & { readonly [sealed]: true };

/**
 * Bound into the ciphertext and compared on open: a row copied to another venue, connection, subscription or purpose
 * cannot be opened.
 */
export type SealContext = ConnectionSealContext | SubscriptionSecretRef;

/**
 * `probe` seals no secret and only verifies that a key works. `authorization` seals the code and the verifier of an
 * attempt to connect, for its ten minutes. `webhook-address` seals an address that a workflow registers.
 */
export interface ConnectionSealContext extends ConnectionRef {
  readonly purpose: ConnectionSecretRef['purpose'] | 'probe' | 'authorization' | 'webhook-address';
}

/**
 * A key that a venue entered, the tokens of an OAuth grant, or the secrets that a provider signs a connection's webhooks
 * with.
 */
export interface ConnectionSecretRef extends ConnectionRef {
  readonly purpose: 'provider-api-key' | 'provider-oauth-tokens' | 'provider-webhook-secrets';
}

/** A secret that signs the messages of a subscription. */
interface SubscriptionSecretRef extends SubscriptionRef {
  readonly purpose: 'webhook-signing-secret';
}

/** One stored secret. */
export type SecretRef = ConnectionSecretRef | SubscriptionSecretRef;

/** What is stored sealed. */
export type SecretPurpose = SecretRef['purpose'];

export const ROTATE_VAULT_KEYS = 'rotateVaultKeys';

/** Only one job is open at a time. The id is the job's own so that an old workflow can still be found. */
export const rotateVaultKeysWorkflowId = (jobId: JobId): string => `rotate-vault-keys/${jobId}`;

/** Makes a waiting rotation retry at once. */
export const RETRY_ROTATION_SIGNAL = 'retry';

export interface RotateVaultKeysInput {
  readonly jobId: JobId;
  /** Set by continue-as-new: the job has begun. */
  readonly continued?: true;
}

/** The progress of a rotation. Numbers only. */
export interface RotationProgress {
  /** Passes over all secrets, including the current one. */
  readonly pass: number;
  /** Venues done in this pass, and their number when the job began. */
  readonly venuesDone: number;
  readonly venuesTotal: number | null;
  /** Secrets resealed under the key in all passes. */
  readonly resealed: number;
  /** Secrets in this pass that were tampered with, moved, or sealed under a key that the worker does not have. */
  readonly unreadable: number;
}

export interface RotationChunkResult extends RotationProgress {
  /**
   * `more`: call again. `pass-ended`: everything was checked and some secrets were under another key, so start another
   * pass. `done`: a whole pass found nothing to do.
   */
  readonly status: 'more' | 'pass-ended' | 'done';
}

export interface FinishRotationInput extends RotateVaultKeysInput {
  readonly end: 'completed' | 'cancelled' | 'failed';
  readonly errorType: string | null;
}

/** Runs on the `internal` queue. */
export interface KeyRotationActivities {
  readonly beginKeyRotation: (input: RotateVaultKeysInput) => Promise<RotationProgress>;
  readonly rotateKeysChunk: (input: RotateVaultKeysInput) => Promise<RotationChunkResult>;
  /** Shows on the job what it waits for. */
  readonly parkKeyRotation: (input: RotateVaultKeysInput & { readonly errorType: string }) => Promise<void>;
  readonly finishKeyRotation: (input: FinishRotationInput) => Promise<RotationProgress>;
}
