import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEmptyDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

describe('the command line of the migrations', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createEmptyDatabase();
  });
  afterAll(() => database.drop());

  const call = (args: readonly string[], env: Record<string, string> = { DATABASE_URL: database.ownerUrl }) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, ['db/main.ts', ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });

  it('migrates up, reports the version, and migrates down to a given version', async () => {
    expect(await call(['status'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/has migration 0 of [1-9]/) as string,
    });
    expect(await call(['up'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/applied migration 1 \(initial\)/) as string,
    });
    expect(await call(['down', '--to', '0'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/took back migration 1 .*\nThe database has migration 0\n$/s) as string,
    });
  });

  it('migrates nothing down without a target version', async () => {
    for (const args of [
      ['down'],
      ['down', '--to', 'x'],
      ['down', '--to', '-1'],
      ['up', '--to', '1'],
      ['sideways'],
      [],
    ]) {
      expect(await call(args)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringMatching(/^Usage: .*\n$/) as string,
      });
    }
  });

  it('reports an error in one line, without the password', async () => {
    const answer = await call(['up'], { DATABASE_URL: 'postgres://someone:hunter2@127.0.0.1:1/none' });
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(/^[^\n]*ECONNREFUSED[^\n]*\n$/);
    expect(answer.stderr).not.toContain('hunter2');
    expect(await call(['up'], {})).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('DATABASE_URL') as string,
    });
  });
});
