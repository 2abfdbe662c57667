import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startNodeChild } from '../../../runtime/processes/node-child.ts';
import { aFolder, aProgram } from '../support.ts';

const SOURCE_MIB = 16;
const REPORT = `
  gc();
  const { heapUsed, external } = process.memoryUsage();
  const compilers = process.moduleLoadList.filter((name) => name.includes('amaro'));
  console.log(JSON.stringify({ heldMib: (heapUsed + external) / 1_048_576, compilers }));
  setInterval(() => {}, 1_000);
`;

test('a child in plain JavaScript holds its source once and no TypeScript compiler', async () => {
  const folder = aFolder();
  const lines: string[] = [];
  const child = await startNodeChild({
    name: 'child',
    entry: aProgram(folder, 'child.cjs', `${REPORT}\n/*${'x'.repeat(SOURCE_MIB * 1_048_576)}*/`),
    env: { PATH: process.env['PATH'] },
    logFile: path.join(folder, 'child.log'),
    nodeArguments: ['--expose-gc'],
    readyWhen: { line: (line) => lines.push(line) === 1 },
    graceMs: 2_000,
  });
  onTestFinished(() => child.stop());
  const { heldMib, compilers } = JSON.parse(lines[0] ?? '') as { heldMib: number; compilers: string[] };
  expect(heldMib).toBeGreaterThan(SOURCE_MIB);
  expect(heldMib).toBeLessThan(1.6 * SOURCE_MIB);
  expect(compilers).toEqual([]);
});
