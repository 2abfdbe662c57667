import { existsSync, globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const { MAY_IMPORT } = createRequire(import.meta.url)('../../room-table.cjs') as {
  readonly MAY_IMPORT: Readonly<Record<string, readonly string[]>>;
};
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

describe('the documents', () => {
  it('draw the room table that `npm run rooms` checks', () => {
    const rows = [...read('docs/architecture.md').matchAll(/^\| ([a-z]+) \| [^|]+ \| ([a-z, –]+) \|$/gm)].filter(
      ([, room]) => room !== 'room',
    );
    const drawn = Object.fromEntries(
      rows.map(([, room, may]): [string, string[]] => [room!, may === '–' ? [] : may!.split(', ')]),
    );
    expect(drawn).toEqual(MAY_IMPORT);
  });

  it('name rooms that exist, and the README names every room', () => {
    const readme = read('README.md');
    for (const room of Object.keys(MAY_IMPORT)) {
      expect(existsSync(new URL(room, ROOT)), room).toBe(true);
      expect(readme, room).toContain(`\`${room}/\``);
    }
  });

  it.each(globSync(['*.md', 'docs/*.md', 'docs/decisions/*.md'], { cwd: ROOT }))(
    '%s links to files that exist',
    (file) => {
      const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!);
      for (const target of links)
        expect(existsSync(new URL(target, new URL(file, ROOT))), `${file} → ${target}`).toBe(true);
    },
  );
});
