import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = new URL('../../docs/decisions/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, FOLDER), 'utf8');
const files = readdirSync(FOLDER)
  .filter((file) => file !== 'README.md')
  .sort();

/** The title and the status of a record, from its first and third line. */
function readRecord(file: string) {
  const [heading = '', , status = ''] = read(file).split('\n');
  return { title: /^# (.+)$/.exec(heading)?.[1], status: /^\*\*Status:\*\* (.+)$/.exec(status)?.[1] };
}

const rows = [...read('README.md').matchAll(/^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \| (.+) \|$/gm)].map(
  ([, number, file, title, status]) => ({ number, file, title, status }),
);

describe('the decisions', () => {
  it('are in the table, in order, with each record’s title and status', () => {
    const records = files.map((file) => ({ number: file.slice(0, 4), file, ...readRecord(file) }));
    expect(records.length).toBeGreaterThan(35);
    expect(rows).toEqual(records);
  });

  it('have distinct numbers', () => {
    const numbers = files.map((file) => file.slice(0, 4));
    expect(numbers.filter((number, index) => !/^\d{4}$/.test(number) || numbers.indexOf(number) !== index)).toEqual([]);
  });

  it.each(files)('%s is accepted, or names a later record that exists', (file) => {
    const { status = '' } = readRecord(file);
    const [, number, target = ''] = /^(?:superseded|partly replaced) by \[(\d{4})\]\(([^)]+)\)$/.exec(status) ?? [];
    if (status === 'accepted') return;
    expect(files, status).toContain(target);
    expect(target.startsWith(`${number}-`) && target > file, status).toBe(true);
  });

  it.each(files)('%s has a title without a number or a full stop', (file) => {
    expect(readRecord(file).title).toMatch(/^[A-Z](?!.*\.$).+$/);
  });
});
