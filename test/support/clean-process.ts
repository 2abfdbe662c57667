import { afterAll, afterEach, vi } from 'vitest';
import { runCleanups } from './later.ts';

// Test files share processes, so that starting one and loading packages is paid for only once. This file undoes what a
// test file has changed in its process before the next one begins.
const before = { ...process.env };

afterEach(runCleanups);

afterAll(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
  for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, before);
});
