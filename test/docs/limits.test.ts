import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LIMIT_VARIABLES } from '../../config/limit-variables.ts';
import { LIMITS, POOL_NAMES, registry } from '../../telemetry/metrics.ts';
import '../../telemetry/dead-letter-metrics.ts';
import '../../telemetry/outgoing-metrics.ts';
import '../../telemetry/provider-metrics.ts';
import '../../telemetry/reconciliation-metrics.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const page = read('docs/operations/limits.md');
const sources = globSync('api/**/*.ts', { cwd: ROOT }).map(read).join('\n');
const quoted = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
const tableAfter = (heading: string): readonly (readonly string[])[] => {
  const lines = page.slice(page.indexOf(heading)).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) => line.split(' | ').map((cell) => cell.replace(/^\| |\|$/g, '')));
};
const limitRows = tableAfter('| `limit` |');

describe('docs/operations/limits.md', () => {
  it('names every limit of metrics and logs once, and no other', () => {
    expect(limitRows.flatMap(([limits = '']) => quoted(limits)).sort()).toEqual([...LIMITS].sort());
  });

  it('names a log line of the API for every limit', () => {
    for (const [limits, , lines = ''] of limitRows) {
      const named = quoted(lines).filter((line) => line !== 'aborted: true');
      expect(named.length, limits).toBeGreaterThan(0);
      for (const line of named) expect(sources, `${limits ?? ''}: ${line}`).toContain(`'${line}'`);
    }
  });

  it('gives a limit, or the metric of refusals, for every refusal code that it lists', () => {
    const codes = [...page.matchAll(/\| `([a-z-]+)` \|\s*$/gm)].map(([, code = '']) => code);
    expect(codes.length).toBeGreaterThan(15);
    for (const code of codes)
      expect(
        LIMITS.some((limit) => limit === code || limit.startsWith(code)) || sources.includes(`'${code}'`),
        code,
      ).toBe(true);
  });

  it('names only existing metrics, and every one of ours', async () => {
    const ours = (await registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => name.startsWith('interlock_'));
    expect([...new Set([...page.matchAll(/interlock_\w+/g)].map(([name]) => name))].sort()).toEqual(ours.sort());
    for (const pool of POOL_NAMES) expect(page).toContain(`\`${pool}\``);
  });

  it('names every variable that sets a limit', () => {
    for (const name of Object.keys(LIMIT_VARIABLES)) expect(page).toContain(`\`${name}\``);
  });
});
