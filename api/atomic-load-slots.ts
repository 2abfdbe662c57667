import { ApiError } from './api-error.ts';

/** Each holds a connection to the database for as long as its caller sends, so that slow callers could hold them all. */
const MAX_ATOMIC_LOADS = 5;
const RETRY_AFTER_MS = 5_000;

export interface AtomicLoadSlots {
  /** Throws `too-many-loads` while as many as this process takes are at work. */
  run<T>(load: () => Promise<T>): Promise<T>;
}

export function createAtomicLoadSlots(): AtomicLoadSlots {
  let taken = 0;
  return {
    async run(load) {
      if (taken >= MAX_ATOMIC_LOADS) throw new ApiError('too-many-loads', 'As many atomic loads as this process takes are at work.', { retryAfterMs: RETRY_AFTER_MS });
      taken += 1;
      try {
        return await load();
      } finally {
        taken -= 1;
      }
    },
  };
}
