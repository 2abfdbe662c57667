import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Variable } from '../../config/variable.ts';
import { VARIABLES } from '../../config/variables.ts';

const variables: readonly (readonly [string, Variable])[] = Object.entries(VARIABLES);
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  const rows = read('docs/configuration.md')
    .split('\n')
    .filter((line) => /^\| `[A-Z_]+` \|/.test(line));

  it('has one row for each variable, and no other', () => {
    expect(rows.map((row) => /`([A-Z_]+)`/.exec(row)?.[1])).toEqual(variables.map(([name]) => name));
  });

  it.each(variables)('tells the truth about %s', (name, variable) => {
    const { description, obtain, form, readBy, neededBy = '–' } = variable;
    const standIn = variable.default === undefined ? '–' : `\`${variable.default}\``;
    const cells = [
      `\`${name}\``,
      description,
      `${obtain} Must be ${form}.`,
      standIn,
      neededBy,
      readBy.join(', '),
      variable.secret ? 'yes' : 'no',
    ];
    expect(rows).toContain(`| ${cells.join(' | ')} |`);
  });
});

describe('.env.example', () => {
  const entries = read('.env.example').trimEnd().split('\n\n').slice(1);

  it('lists every variable with a comment of one line, defaults commented out, and nothing else', () => {
    expect(entries).toEqual(
      variables.map(([name, { description, ...variable }]) => {
        const line = variable.default === undefined ? `${name}=` : `# ${name}=${variable.default}`;
        return `# ${description.replaceAll('`', '')}\n${line}`;
      }),
    );
  });

  it('changes nothing while it is not filled in', () => {
    const set = Object.entries(parseEnv(read('.env.example'))).filter(([, value]) => value !== '');
    expect(set).toEqual([]);
  });
});

describe('the table of variables', () => {
  it('gives no default that it would itself refuse', () => {
    const refused = variables.filter(
      ([, variable]) => variable.default !== undefined && !variable.schema.safeParse(variable.default).success,
    );
    expect(refused).toEqual([]);
  });

  it('never gives a secret a default', () => {
    expect(variables.filter(([, { secret, ...variable }]) => secret && variable.default !== undefined)).toEqual([]);
  });
});
