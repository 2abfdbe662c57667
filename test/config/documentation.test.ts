import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Variable } from '../../config/variable.ts';
import { variablesWith } from '../../config/variables.ts';
import { PROVIDERS } from '../../providers/registry.ts';
import { configurationPage, exampleEnvironment } from './variable-pages.ts';

const variables = Object.entries(variablesWith(PROVIDERS));
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  it('has the table generated from the variables', async () => {
    const page = read('docs/configuration.md');
    await expect(configurationPage(page, variables)).toMatchFileSnapshot('../../docs/configuration.md');
  });

  it('has one row per variable, with its default and whether it is secret', () => {
    const rows = read('docs/configuration.md')
      .split('\n')
      .filter((line) => /^\| `[A-Z_]+` \|/.test(line));
    expect(rows.map((row) => /`([A-Z_]+)`/.exec(row)?.[1])).toEqual(variables.map(([name]) => name));
    variables.forEach(([, variable], index) => {
      const cells = rows[index]!.split(' | ');
      expect(cells[3]).toBe(variable.default === undefined ? '–' : `\`${variable.default}\``);
      expect(cells[6]).toBe(`${variable.secret ? 'yes' : 'no'} |`);
    });
  });
});

describe('.env.example', () => {
  it('lists every variable with a comment of one line, defaults commented out, and nothing else', async () => {
    await expect(exampleEnvironment(read('.env.example'), variables)).toMatchFileSnapshot('../../.env.example');
  });

  it('changes nothing while it is not filled in', () => {
    const set = Object.entries(parseEnv(read('.env.example'))).filter(([, value]) => value !== '');
    expect(set).toEqual([]);
  });
});

describe('the table of variables', () => {
  it('has no default that its own schema refuses', () => {
    const refused = variables.filter(
      ([, variable]) => variable.default !== undefined && !variable.schema.safeParse(variable.default).success,
    );
    expect(refused).toEqual([]);
  });

  it('has no default for a secret', () => {
    const withDefault = (variable: Variable) => variable.secret && variable.default !== undefined;
    expect(variables.filter(([, variable]) => withDefault(variable))).toEqual([]);
  });
});
