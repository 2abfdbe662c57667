import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../sandbox/core/journal.ts';
import { later } from '../support/later.ts';

type Entry = readonly [key: string, value: number];

describe('a journal', () => {
  it('stays bounded while the same few entries are rewritten, and replays the last version of each', async () => {
    const file = aFile();
    const first = await aStore(file);
    for (let round = 0; round < 5_000; round++) first.put(`key${round % 10}`, round);
    expect(statSync(file).size).toBeLessThan(4_000);
    first.journal.close();
    const second = await aStore(file);
    expect([...second.entries]).toEqual([...first.entries]);
    second.put('key0', -1);
    second.journal.close();
    expect((await aStore(file)).entries.get('key0')).toBe(-1);
  });

  it('keeps all entries when they exceed the compaction threshold', async () => {
    const file = aFile();
    const first = await aStore(file);
    for (let key = 0; key < 2_000; key++) first.put(`key${key}`, key);
    expect((await aStore(file)).entries).toEqual(first.entries);
  });
});

function aFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'journal-'));
  later(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return join(folder, 'made', 'on', 'demand.jsonl');
}

async function aStore(file: string) {
  const entries = new Map<string, number>();
  const journal = await Journal.open<Entry>(file, {
    apply: ([key, value]) => entries.set(key, value),
    snapshot: () => entries.entries(),
    compactAboveBytes: 2_000,
  });
  return {
    entries,
    journal,
    put(key: string, value: number) {
      journal.append([key, value]);
      entries.set(key, value);
      journal.compactWhenLarge();
    },
  };
}
