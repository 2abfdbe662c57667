const cleanups: (() => unknown)[] = [];

/** Runs a cleanup after the current test, in the reverse order of registration. */
export function later(cleanup: () => unknown): void {
  cleanups.push(cleanup);
}

/**
 * `clean-process.ts` calls it after each test, because a hook in a module shared by files would be set only for the
 * first of them.
 */
export async function runCleanups(): Promise<void> {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
}
