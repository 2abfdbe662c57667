import { enableCompileCache } from 'node:module';
import { afterAll, afterEach, vi } from 'vitest';
import { NODE_COMPILE_CACHE } from '../../runtime/start/home.ts';
import { runCleanups } from './later.ts';

// With coverage, vitest disables the compile cache here and in all processes that tests start, because functions from
// it are counted inexactly. Coverage is taken of neither those processes nor packages, and Vite compiles our own modules.
Reflect.deleteProperty(process.env, 'NODE_DISABLE_COMPILE_CACHE');
process.env['NODE_COMPILE_CACHE'] = NODE_COMPILE_CACHE;
enableCompileCache(NODE_COMPILE_CACHE);

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
