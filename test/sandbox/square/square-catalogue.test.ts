import { describe, expect, it } from 'vitest';
import { aSquare, refusalOf } from './square-support.ts';

const anItem = (variations: readonly object[], more: object = {}) => ({
  type: 'ITEM' as const,
  id: '#tea',
  itemData: { name: 'Tea', variations: variations as never },
  ...more,
});
const aVariation = (id: string, more: object = {}) => ({
  type: 'ITEM_VARIATION' as const,
  id,
  itemVariationData: {
    name: id,
    pricingType: 'FIXED_PRICING' as const,
    priceMoney: { amount: 450n, currency: 'GBP' as const },
  },
  ...more,
});
interface Item {
  readonly id: string;
  readonly version: bigint;
  readonly itemData: { readonly variations?: readonly { readonly id: string; readonly version: bigint }[] };
}

describe('the stand-in Square’s catalogue', () => {
  it('creates an item under temporary ids, and shows its variations in it', async () => {
    const { square } = await aSquare();
    const answer = await square.catalog.object.upsert({
      idempotencyKey: 'a',
      object: anItem([aVariation('#s'), aVariation('#l')]),
    });
    const item = answer.catalogObject as unknown as Item;
    expect(answer.idMappings?.map(({ clientObjectId }) => clientObjectId)).toEqual(['#tea', '#s', '#l']);
    expect(item.itemData.variations?.map(({ id }) => id)).toEqual(
      answer.idMappings?.slice(1).map(({ objectId }) => objectId),
    );
  });

  it('replaces an item whole: an unchanged variation keeps its version, one that is left out is deleted', async () => {
    const { square } = await aSquare();
    const made = await square.catalog.object.upsert({
      idempotencyKey: 'a',
      object: anItem([aVariation('#s'), aVariation('#l')]),
    });
    const { id, version, itemData } = made.catalogObject as unknown as Item;
    const [small, large] = itemData.variations ?? [];
    const object = {
      ...anItem([
        aVariation(small!.id, {
          version: small!.version,
          itemVariationData: (small as never as { itemVariationData: object }).itemVariationData,
        }),
      ]),
      id,
      version,
    };
    const { catalogObject } = await square.catalog.object.upsert({
      idempotencyKey: 'b',
      object: { ...object, itemData: { ...object.itemData, name: 'Chai' } },
    });
    const changed = catalogObject as unknown as Item;
    expect(changed.version).toBeGreaterThan(version);
    expect(changed.itemData.variations).toMatchObject([{ id: small!.id, version: small!.version }]);
    expect(await refusalOf(square.catalog.object.get({ objectId: large!.id }))).toMatchObject({ status: 404 });
    expect(await refusalOf(square.catalog.object.upsert({ idempotencyKey: 'c', object }))).toMatchObject({
      status: 400,
      code: 'VERSION_MISMATCH',
    });
  });

  it('searches by type and time, tells deletions on request, and what objects name', async () => {
    const { square, merchant } = await aSquare();
    const [first] = await merchant.seed('catalogue', 3);
    const search = async (request: object) => (await square.catalog.search(request)).objects?.map(({ id }) => id) ?? [];
    expect(await search({ objectTypes: ['ITEM'] })).toHaveLength(3);
    const beginTime = new Date(Date.now() - 5_000).toISOString();
    expect(await search({ beginTime })).toEqual([]);
    await square.catalog.object.delete({ objectId: first ?? '' });
    expect(await search({ beginTime })).toEqual([]);
    expect(await search({ beginTime, includeDeletedObjects: true })).toEqual([first]);
    const { relatedObjects } = await square.catalog.search({
      objectTypes: ['ITEM_VARIATION'],
      includeRelatedObjects: true,
    });
    expect(relatedObjects?.map(({ type }) => type)).toEqual(['ITEM', 'ITEM']);
    expect(await refusalOf(square.catalog.search({ limit: 1_001 }))).toMatchObject({ code: 'VALUE_TOO_HIGH' });
    expect(
      await refusalOf(square.catalog.search({ query: { exactQuery: { attributeName: 'name', attributeValue: 'x' } } })),
    ).toMatchObject({ code: 'BAD_REQUEST' });
  });
});
