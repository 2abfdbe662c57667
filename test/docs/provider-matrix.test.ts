import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PROVIDERS } from '../../providers/registry.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { renderProviderMatrix } from './provider-matrix.ts';

const pageOf = (id: string) => readFileSync(new URL(`../../docs/providers/${id}.md`, import.meta.url), 'utf8');

describe('docs/providers/README.md', () => {
  it('is the matrix of what the adapters declare', async () => {
    await expect(renderProviderMatrix(PROVIDERS, RECORD_KINDS)).toMatchFileSnapshot('../../docs/providers/README.md');
  });
});

describe.each(PROVIDERS)('the page of $id', ({ id, resources, reports = [], limits, webhooks }) => {
  it('names every resource and every report that the adapter declares', () => {
    const page = pageOf(id).toLowerCase();
    for (const { resource } of resources) expect(page).toContain(resource);
    for (const report of reports) expect(page).toContain(`\`${report.id}\``);
  });

  it('tells how many calls at once and in each window are made at most', () => {
    const section = /^## Limits\n([\s\S]*?)(?=^## |$(?![\s\S]))/m.exec(pageOf(id))?.[1] ?? '';
    for (const { count } of [...limits.production, ...limits.sandbox])
      expect(section, `${count}`).toContain(count.toLocaleString('en'));
  });

  it('says which types of event change records', () => {
    const page = pageOf(id);
    const objects = Object.entries(webhooks?.events ?? {}).flatMap(([type, meaning]) =>
      meaning === 'changed' ? [type.split(/[._]/)[0]?.toLowerCase() ?? ''] : [],
    );
    expect(new Set(objects).size).toBeGreaterThan(0);
    for (const object of new Set(objects.filter((word) => word !== 'qbo')))
      expect(page.toLowerCase(), object).toContain(object);
  });
});
