import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BUNDLED_SERVICES, buildServiceBundle, keepServiceBundle } from '../../worker/service-bundle.ts';

describe.each(BUNDLED_SERVICES)('the bundled %s', (service) => {
  it('reports missing settings exactly as the service run from source does', async () => {
    const kept = await keepServiceBundle(service);
    const folder = path.join(path.dirname(kept), '..', randomUUID());
    const named = path.join(folder, 'main.cjs');
    onTestFinished(() => rm(folder, { recursive: true }));
    await buildServiceBundle(service, named);
    const [fromSource, ...bundled] = await Promise.all([`${service}/main.ts`, kept, named].map(startWithoutSettings));
    expect(fromSource!.output).toContain('DATABASE_URL');
    expect(fromSource!.code).toBeGreaterThan(0);
    expect(bundled).toEqual([fromSource, fromSource]);
  }, 60_000);

  it('is built once for the same sources, however many processes ask', async () => {
    const asked = await Promise.all([1, 2, 3].map(() => keepServiceBundle(service)));
    expect(new Set(asked).size).toBe(1);
    expect(await keepServiceBundle(service)).toBe(asked[0]);
  }, 60_000);
});

const startWithoutSettings = (entry: string) =>
  new Promise<{ readonly code: unknown; readonly output: string }>((resolve) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', entry],
      { env: {} },
      (error, stdout, stderr) => {
        resolve({ code: error?.code, output: stdout + stderr });
      },
    );
  });
