import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import { exitOf } from './processes/child-process.ts';
import { readJson } from './start/files.ts';
import { NODE_COMPILE_CACHE, REPOSITORY } from './start/home.ts';
import { readPackageScripts } from './processes/package-scripts.ts';

// The program behind `npm test`: types, formatting, lint and room rules, then every test with coverage. With arguments
// it runs vitest alone on them.
const CHECKS = ['types', 'formatting', 'lint', 'lint-types', 'rooms'] as const;

const results = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.object({ status: z.string() })) })),
});

async function main(args: readonly string[]): Promise<number> {
  if (args.length === 0) {
    // Run concurrently: together they take little longer than the slowest.
    const passed = await Promise.all(CHECKS.map(passes));
    if (passed.includes(false)) return 1;
  }
  return runVitest(args.length === 0 ? ['--coverage'] : args);
}

/** Runs a script of package.json. On success prints only its name and time. */
async function passes(check: (typeof CHECKS)[number]): Promise<boolean> {
  const startedAt = performance.now();
  const [program = '', ...args] = readPackageScripts()[check]?.split(' ') ?? [];
  const how = await run(program, args);
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${check}: ${how === 'exit code 0' ? 'passed' : `failed with ${how} (npm run ${check})`}, ${seconds} s`);
  return how === 'exit code 0';
}

async function runVitest(args: readonly string[]): Promise<number> {
  const folder = mkdtempSync(path.join(tmpdir(), 'interlock-test-'));
  const report = path.join(folder, 'results.json');
  try {
    const how = await run('vitest', [
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...args,
    ]);
    const counted = results.safeParse(readJson(report)).data;
    if (counted === undefined) {
      console.log(`vitest ended with ${how} and left no results`);
      return 1;
    }
    const failed = counted.numFailedTests + filesThatDidNotRun(counted);
    if (failed === 0 && how !== 'exit code 0')
      console.log(`vitest ended with ${how} although no test failed: its output above says why`);
    const skipped = counted.numPendingTests + counted.numTodoTests;
    console.log(`${counted.numPassedTests} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`);
    return failed === 0 && how === 'exit code 0' ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that fails to load has no tests and counts as one failure. */
function filesThatDidNotRun({ testResults }: z.output<typeof results>): number {
  return testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
  ).length;
}

/** Runs a program of node_modules/.bin under Node 24 on this terminal. */
async function run(program: string, args: readonly string[]): Promise<string> {
  const bin = path.join(REPOSITORY, 'node_modules', '.bin');
  const env = { ...process.env, NODE_COMPILE_CACHE, PATH: `${bin}${path.delimiter}${process.env['PATH'] ?? ''}` };
  const child = spawn(path.join(bin, program), args, { cwd: REPOSITORY, env, stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  process.on('SIGTERM', forward);
  // The terminal also sends SIGINT to the child.
  process.on('SIGINT', () => undefined);
  return exitOf(child).finally(() => process.off('SIGTERM', forward));
}

process.exitCode = await main(process.argv.slice(2));
