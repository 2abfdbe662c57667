import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../records/registry.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const GLOSSARY = read('docs/glossary.md');
const rows = [...GLOSSARY.matchAll(/^\| ([^|]+) \| ([^|]+) \|(?: ([^|]+) \|)?.*$/gm)].filter(
  ([, word]) => word !== 'word' && word !== '---',
);
const words = rows.flatMap(([, word = '']) => word.split(', '));
/** Identifiers that the glossary replaces. */
const replaced = rows.flatMap(([, , , not = '']) => [...not.matchAll(/`(\w+)`/g)].map(([, word = '']) => word));

describe('the glossary', () => {
  it('has each word once, with a meaning', () => {
    expect(words.length).toBeGreaterThan(60);
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
    expect(rows.filter(([, , meaning = '']) => !/^\S.+\.$/.test(meaning)).map(([, word]) => word)).toEqual([]);
  });

  it('does not replace a word that it defines', () => {
    expect(replaced).toContain('twin');
    expect(replaced.filter((word) => words.includes(word))).toEqual([]);
  });

  it('holds for the sources: no identifier contains a replaced word', () => {
    const used = globSync(
      '{contracts,domain,workflows,activities,providers,vault,config,db,api,worker,telemetry,runtime,checks}/**/*.ts',
      {
        cwd: ROOT,
      },
    ).flatMap((file) =>
      // A word inside an identifier starts it, follows an underscore or a dot, or begins with a capital.
      replaced
        .filter((word) => {
          const capital = word.replace(/^./, (first) => first.toUpperCase());
          const upper = word.replace(/[A-Z]/g, '_$&').toUpperCase();
          return new RegExp(
            `\\b${word}s?(?![a-z])|[a-z_]${capital}s?(?![a-z])|\\b${capital}s?(?![a-z])|(?<![A-Z])${upper}S?(?![A-Z])`,
          ).test(read(file));
        })
        .map((word) => `${file}: ${word}`),
    );
    expect(used).toEqual([]);
  });

  it('names every kind of record', () => {
    for (const resource of RECORD_KINDS.names) expect(GLOSSARY).toContain(`\`${resource}\``);
  });

  it.each(['README.md', 'CONTRIBUTING.md'])('is linked from %s', (file) => {
    expect(read(file)).toContain('(docs/glossary.md)');
  });
});
