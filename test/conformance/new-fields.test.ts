import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { UnknownFields } from '../../activities/sync/unknown-fields.ts';
import type { ProviderId, Resource } from '../../contracts/providers.ts';
import type { ProviderPage } from '../../providers/provider.ts';
import { startAnswerEditingProxy } from '../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../support/sandbox/answer-editing-proxy.ts';
import { SPOKEN, allTime, createBench, readAll } from './bench.ts';

const RESOURCES: readonly Resource[] = ['customers', 'products'];
/** A field of each provider's objects, and a value of another type than it has. */
const OTHER_TYPES: Readonly<
  Partial<Record<ProviderId, Readonly<Partial<Record<Resource, readonly [string, unknown]>>>>>
> = {
  stripe: { customers: ['phone', { planted: 'planted-7f3a' }], products: ['active', 'planted-7f3a'] },
  square: { customers: ['email_address', ['planted-7f3a']], products: ['version', 'planted-7f3a'] },
  quickbooks: { customers: ['DisplayName', ['planted-7f3a']], products: ['Taxable', 'planted-7f3a'] },
  mailchimp: { customers: ['vip', 'planted-7f3a'] },
  xero: { customers: ['EmailAddress', { planted: 'planted-7f3a' }], products: ['Description', ['planted-7f3a']] },
};
const IDS = ['id', 'Id', 'contact_id', 'ContactID', 'ItemID'];

/** Objects within an answer that are the one of this id. */
function objectsOf(answer: unknown, id: string): readonly Record<string, unknown>[] {
  if (typeof answer !== 'object' || answer === null) return [];
  const object = answer as Record<string, unknown>;
  const own = IDS.some((name) => object[name] === id) ? [object] : [];
  return [...own, ...Object.values(object).flatMap((part) => objectsOf(part, id))];
}

describe.each(SPOKEN)('the objects of %s', (provider) => {
  let proxy: AnswerEditingProxy;
  const { open, resourcesWith, sandbox, adapter } = createBench(provider, async (apiUrl) => {
    proxy = await startAnswerEditingProxy(apiUrl);
    return proxy.url;
  });

  const resources = resourcesWith('pull').filter((resource) => RESOURCES.includes(resource));
  it('are watched', () => {
    expect(resources).not.toEqual([]);
  });

  describe.each(resources)('that become %s', (resource) => {
    const read = async (): Promise<readonly ProviderPage[]> => {
      const pages: ProviderPage[] = [];
      for (const { name: stream } of adapter().pullPlan(resource).listing.flat())
        pages.push(...(await readAll(open().resource(resource), { ...allTime(), stream })));
      return pages;
    };
    const livingOf = (pages: readonly ProviderPage[]) =>
      pages.flatMap(({ records }) => records.map(({ externalId }) => externalId)).sort();
    const edit = (ids: readonly string[], change: Readonly<Record<string, unknown>>) => {
      proxy.edit(({ body }) => {
        for (const object of ids.flatMap((id) => objectsOf(body, id))) Object.assign(object, change);
      });
    };

    it('have no field of the stand-in’s that is new', async () => {
      await sandbox().seed(resource, 3);
      expect((await read()).flatMap(({ newFields = [] }) => newFields)).toEqual([]);
    });

    it('tell a new plain field by its name once, and are read', async () => {
      const ids = await sandbox().seed(resource, 3);
      edit(ids.slice(0, 2), { brand_new_field: 'planted-7f3a' });
      const pages = await read();
      expect(livingOf(pages)).toEqual([...ids].sort());
      const unknown = new UnknownFields(provider);
      expect(unknown.newIn(pages).filter(({ kind }) => kind === 'field')).toEqual([
        { path: 'brand_new_field', kind: 'field' },
      ]);
      expect(unknown.newIn(pages)).toEqual([]);
      expect(JSON.stringify(pages)).not.toContain('planted-7f3a');
    });

    it('are rejected alone, by name and reason, where a known field has another type', async () => {
      const [name, value] = OTHER_TYPES[provider]?.[resource] ?? ['', null];
      const [broken, ...others] = await sandbox().seed(resource, 3);
      edit([broken!], { [name]: value });
      const pages = await read();
      expect(livingOf(pages)).toEqual([...others].sort());
      expect(pages.flatMap(({ rejections = [] }) => rejections)).toEqual([
        {
          ...{ externalId: broken, code: 'unreadable', changedTypes: [[name]] },
          message: expect.stringMatching(new RegExp(`cannot be read: ${name}: expected`)) as string,
        },
      ]);
      expect(new UnknownFields(provider).newIn(pages).filter(({ kind }) => kind === 'type')).toEqual([
        { path: name, kind: 'type' },
      ]);
      expect(JSON.stringify(pages)).not.toContain('planted-7f3a');
    });
  });

  afterEach(() => {
    proxy.edit(null);
  });
  afterAll(() => proxy.close());
});
