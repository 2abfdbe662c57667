import { getTableConfig } from 'drizzle-orm/pg-core';
import { describe, expect, it } from 'vitest';
import { tablesOf } from '../../db/schema/tables.ts';
import { RECORD_KINDS } from '../../records/registry.ts';
import { renderDataModel } from './entity-diagram.ts';

const tables = Object.values(tablesOf(RECORD_KINDS));

describe('the entity diagram', () => {
  it('in docs/data-model.md is the one generated from the schema', async () => {
    await expect(renderDataModel(tables)).toMatchFileSnapshot('../../docs/data-model.md');
  });

  it('has every table, every column and every foreign key', () => {
    const page = renderDataModel(tables);
    for (const table of tables) {
      const { name, columns, foreignKeys } = getTableConfig(table);
      const [, entity = ''] = new RegExp(`^  ${name} \\{\n([^}]*)`, 'm').exec(page) ?? [];
      expect(
        entity
          .trim()
          .split('\n')
          .map((line) => line.trim().split(' ')[1]),
        name,
      ).toEqual(columns.map((column) => column.name));
      expect([...page.matchAll(new RegExp(` ${name} : "`, 'g'))], name).toHaveLength(foreignKeys.length);
    }
  });

  it('uses only what Mermaid can parse: one word for a type and one for a name', () => {
    const lines = renderDataModel(tables)
      .split('\n')
      .filter((line) => line.startsWith('    '));
    expect(lines.length).toBeGreaterThan(150);
    expect(lines.filter((line) => !/^ {4}[a-z][\w[\]()-]* \w+( PK| FK| PK, FK)?( "nullable")?$/.test(line))).toEqual(
      [],
    );
  });

  it('distinguishes one row per connection from many', () => {
    const page = renderDataModel(tables);
    expect(page).toContain('connections ||--o{ sync_runs : "venue_id, connection_id"');
    expect(page).toContain('connections ||--o| oauth_tokens : "venue_id, connection_id"');
  });
});
