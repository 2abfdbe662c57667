export interface IdempotencyKeyRef {
  readonly caller: string;
  /** Method and path. */
  readonly operation: string;
  readonly key: string;
}

export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export type IdempotencyClaim =
  /** Nobody has answered this yet: do the work, then `complete` or `release`. */
  | { readonly kind: 'claimed' }
  /** A twin is at work, or was when it died: ask again; a dead twin's claim lapses after `lockMs`. */
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'replay'; readonly answer: StoredAnswer }
  /** The key was used with another body. */
  | { readonly kind: 'mismatch' };

export interface IdempotencyStore {
  claim(ref: IdempotencyKeyRef, requestHash: string, lockMs: number): Promise<IdempotencyClaim>;
  complete(ref: IdempotencyKeyRef, answer: StoredAnswer): Promise<void>;
  /** Forgets a claim whose work failed in a way that a repeat may mend (5xx). */
  release(ref: IdempotencyKeyRef): Promise<void>;
  /** Deletes what is past its 7 days; returns how many. */
  deleteExpired(): Promise<number>;
}
