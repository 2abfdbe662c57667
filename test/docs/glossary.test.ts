import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RESOURCES } from '../../contracts/providers.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');
const GLOSSARY = read('docs/glossary.md');
const rows = [...GLOSSARY.matchAll(/^\| ([^|]+) \| ([^|]+) \|(?: ([^|]+) \|)?.*$/gm)].filter(
  ([, word]) => word !== 'word' && word !== '---',
);
const words = rows.flatMap(([, word = '']) => word.split(', '));
/** Today's words that are going to be renamed, without remarks in brackets. */
const renamed = rows
  .flatMap(([, , , today = '']) => today.replace(/\([^)]*\)/g, '').split(', '))
  .map((word) => word.trim().replaceAll('`', ''));

describe('the glossary', () => {
  it('has each word once, with a meaning', () => {
    expect(words.length).toBeGreaterThan(60);
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([]);
    expect(rows.filter(([, , meaning = '']) => !/^\S.+\.$/.test(meaning)).map(([, word]) => word)).toEqual([]);
  });

  it('keeps no word that it also wants to rename', () => {
    expect(renamed.filter((word) => word !== '' && words.includes(word))).toEqual([]);
    expect(renamed).toContain('twin');
  });

  it('names every kind of record', () => {
    for (const resource of RESOURCES) expect(GLOSSARY).toContain(`\`${resource}\``);
  });

  it.each(['README.md', 'CONTRIBUTING.md'])('is linked from %s', (file) => {
    expect(read(file)).toContain('(docs/glossary.md)');
  });
});
