import { describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../records/registry.ts';
import { renderRecordsPage } from './records-page.ts';

describe('docs/records.md', () => {
  it('is the page generated from the descriptors', async () => {
    await expect(renderRecordsPage(RECORD_KINDS)).toMatchFileSnapshot('../../docs/records.md');
  });

  it('names every field and every filter of every kind', () => {
    const sections = renderRecordsPage(RECORD_KINDS).split(/^## /m);
    for (const kind of RECORD_KINDS.all) {
      const section = sections.find((one) => one.startsWith(`${kind.name}\n`)) ?? '';
      for (const name of [...Object.keys(kind.fields), ...Object.keys(kind.filters)])
        expect(section, kind.name).toContain(`| \`${name}\` |`);
    }
  });
});
