import { afterAll, afterEach, vi } from 'vitest';
import { runCleanups } from './later.ts';

// Test files share processes, so that each pays for starting one and for loading packages only once. What a file has changed in its
// process is undone here, before the next file begins.
const before = { ...process.env };

afterEach(runCleanups);

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
});
