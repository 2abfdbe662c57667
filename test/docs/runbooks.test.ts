import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY } from '../../runtime/start/home.ts';
import { createApiWorld } from '../api/api-world.ts';
import type { ApiWorld } from '../api/api-world.ts';

const textsOf = (folder: string, ending: string) =>
  readdirSync(path.join(REPOSITORY, folder))
    .filter((name) => name.endsWith(ending))
    .map((name) => [name, readFileSync(path.join(REPOSITORY, folder, name), 'utf8')] as const);

const PAGES = textsOf('docs/operations', '.md');
const AN_ID = '01932d2e-5a1c-7d3b-9e58-0242ac120002';

/** What operators meet with events and messages, by its heading. */
const RUNBOOKS = [
  'Dead letters are growing',
  'Webhook lag',
  'Provider webhooks silent',
  'Outbound endpoint failing',
  'Silence',
];

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());

describe('the runbooks', () => {
  it.each(RUNBOOKS)('include “%s”', (heading) => {
    expect(PAGES.some(([, text]) => new RegExp(`^#+ ${heading}$`, 'm').test(text))).toBe(true);
  });

  it('name metrics that exist', () => {
    const source = textsOf('telemetry', '.ts')
      .map(([, text]) => text)
      .join('\n');
    const named = new Set(
      PAGES.flatMap(([, text]) => [...text.matchAll(/\binterlock_(?!app\b)[a-z_]+/g)].map(([name]) => name)),
    );
    expect(named.size).toBeGreaterThan(10);
    const exists = (name: string) =>
      source.includes(`'${name}'`) || source.includes(`'${name.replace(/_total$/, '')}'`);
    expect([...named].filter((name) => !exists(name))).toEqual([]);
  });

  it.each(
    PAGES.flatMap(([page, text]) =>
      [...text.matchAll(/```sql\n([^]*?)```/g)].flatMap(([, block = '']) =>
        block
          .split(';')
          .filter((statement) => /^\s*(select|update|delete)\b/.test(statement))
          .map((statement) => [page, statement.trim()] as const),
      ),
    ),
  )('have statements that the database takes: %s: %s', async (_page, statement) => {
    await api.database.admin.unsafe(`explain ${statement.replaceAll('…', AN_ID)}`);
  });

  it('name requests that the API has', () => {
    const shape = (route: string) => route.replaceAll(/\{\w+\}/g, '{}');
    const routes = api.endpoints.map(({ method, path: route }) => `${method.toUpperCase()} ${shape(route)}`);
    const named = PAGES.flatMap(([page, text]) =>
      [...text.matchAll(/`(GET|POST|PUT|PATCH|DELETE) ([/…][^` ?]*)/g)].map(
        ([, method = '', route = '']) => [page, method, shape(route)] as const,
      ),
    );
    expect(named.length).toBeGreaterThan(20);
    const exists = (method: string, route: string) =>
      routes.some((known) =>
        route.startsWith('…')
          ? known.startsWith(`${method} `) && known.endsWith(route.slice(1))
          : known === `${method} ${route}`,
      );
    expect(named.filter(([, method, route]) => !exists(method, route))).toEqual([]);
  });
});
