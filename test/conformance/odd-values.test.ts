import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { ProviderError } from '../../providers/provider-error.ts';
import type { ProviderPage } from '../../providers/provider.ts';
import { startAnswerEditingProxy } from '../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../support/sandbox/answer-editing-proxy.ts';
import { SPOKEN, allTime, createBench } from './bench.ts';

/** Of other types, or of the right type and nothing that the field can be. */
const ODD_VALUES: readonly unknown[] = [
  ...[null, true, [], {}, [null], [{}]],
  ...['', 'x', '-1', '1e400', '0.00001', '99999999999999999999999'],
  ...['0000-01-01', '0000-01-01T00:00:00Z', '9999-12-31T23:59:59-23:59', '/Date(999999999999999)/'],
  ...[0, -1, 0.1, 1e21, Number.MAX_SAFE_INTEGER, -Number.MAX_SAFE_INTEGER],
];
/** What an object is, before its own id, in the ids of transactions of QuickBooks and Xero. */
const ENTITY = /^[A-Z][A-Za-z]+$/;
/** The SDK parses this one itself, and throws the whole page away where it cannot (stripe 23.1.0). */
const PARSED_BY_THE_SDK = 'quantity_decimal';
/** Each field gets this many of them, others than its neighbours. */
const VALUES_A_FIELD = 2;

type Json = Record<string, unknown>;
type Path = readonly string[];

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null;
/** The first object within an answer that has the id, or every part of it, as values of fields named like ids. */
function objectOf(answer: unknown, id: string): Json | null {
  if (!isJson(answer)) return null;
  const ids = Object.entries(answer).flatMap(([key, value]) =>
    /(^|[a-z_])(id|Id|ID)$/.test(key) ? [String(value)] : [],
  );
  const parts = id.split(':').filter((part) => !ENTITY.test(part));
  const isNamed = ids.includes(id) || parts.every((part) => ids.includes(part));
  if (isNamed && !Array.isArray(answer)) return answer;
  for (const part of Object.values(answer)) {
    const found = objectOf(part, id);
    if (found) return found;
  }
  return null;
}

const pathsIn = (value: unknown, path: Path = []): readonly Path[] => [
  ...(path.length > 0 ? [path] : []),
  ...(isJson(value) ? Object.entries(value).flatMap(([key, part]) => pathsIn(part, [...path, key])) : []),
];

function setAt(object: Json, path: Path, value: unknown): void {
  const holder = path.slice(0, -1).reduce<unknown>((at, key) => (isJson(at) ? at[key] : undefined), object);
  if (isJson(holder)) holder[path.at(-1) ?? ''] = value;
}

describe.each(SPOKEN)('an odd value in one object of %s', (provider) => {
  let proxy: AnswerEditingProxy;
  const { open, resourcesWith, sandbox, adapter } = createBench(provider, async (apiUrl) => {
    proxy = await startAnswerEditingProxy(apiUrl);
    return proxy.url;
  });
  afterEach(() => {
    proxy.edit(null);
  });
  afterAll(() => proxy.close());

  it.each(resourcesWith('pull'))('costs a list of %s no other object', async (resource) => {
    const edited = (await sandbox().seed(resource, 3)).at(-1) ?? '';
    const { listing, changes } = adapter().pullPlan(resource);
    const streams = [...listing.flat(), ...(changes?.streams.flat() ?? [])].map(({ name }) => name);
    const wrong: string[] = [];
    let tried = 0;
    for (const stream of new Set(streams)) {
      const read = (): Promise<ProviderPage> =>
        open()
          .resource(resource)
          .listPage({ ...allTime(), stream });
      const oddOf = (edit: (object: Json) => void) => {
        proxy.edit(({ body }) => {
          const object = objectOf(body, edited);
          if (object) edit(object);
        });
        return read();
      };
      let paths: readonly Path[] = [];
      const told = await oddOf((object) => {
        paths = pathsIn(object).filter((path) => path.at(-1) !== PARSED_BY_THE_SDK);
      });
      const others = told.records.map(({ externalId }) => externalId).filter((id) => id !== edited);
      for (const path of paths) {
        for (let nth = 0; nth < VALUES_A_FIELD; nth += 1) {
          tried += 1;
          const value = ODD_VALUES[(tried * 7) % ODD_VALUES.length];
          const odd = `${stream}: ${path.join('.')} = ${JSON.stringify(value)}`;
          const page = await oddOf((object) => {
            setAt(object, path, value);
          }).catch((error: unknown) => error);
          if (page instanceof ProviderError) wrong.push(`${odd}: ${page.message}`);
          else if (page instanceof Error) wrong.push(`${odd}: ${String(page)}`);
          else {
            const found = new Set((page as ProviderPage).records.map(({ externalId }) => externalId));
            if (others.some((id) => !found.has(id))) wrong.push(`${odd}: another object is missing`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(20);
  });
});
