import { describe, expect, it } from 'vitest';
import { allTime, createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const products = () => world.session('products');
const all = async () => recordsOf(await readList(products(), { stream: 'items' }));
const changed = async (fromEpochS?: number) =>
  recordsOf(await readList(products(), { stream: 'changed-objects', ...(fromEpochS !== undefined && { fromEpochS }) }));

const STAMP = { updated_at: '2026-11-01T10:00:00.000Z', version: 1_000, is_deleted: false };
const anItem = (id: string, data: object, more: object = {}) => ({
  ...{ type: 'ITEM', id, ...STAMP, ...more },
  item_data: { name: 'Tea', ...data },
});
const aVariation = (id: string, itemId: string, data: object = {}, more: object = {}) => ({
  ...{ type: 'ITEM_VARIATION', id, ...STAMP, ...more },
  item_variation_data: {
    ...{ item_id: itemId, name: 'Regular', pricing_type: 'FIXED_PRICING' },
    price_money: { amount: 450, currency: 'GBP' },
    ...data,
  },
});

describe('a page of items', () => {
  it('rejects an unreadable variation by its own id, and reads its siblings and other items', async () => {
    await world
      .merchant()
      .put('catalogue', [
        anItem('I1', {}),
        aVariation('HALF', 'I1', { price_money: { amount: 1.5, currency: 'GBP' } }),
        aVariation('HUGE', 'I1', { price_money: { amount: 2 ** 53, currency: 'GBP' } }),
        aVariation('WELL', 'I1', { name: 'Large' }),
        anItem('I2', { name: 7 }),
        aVariation('V2', 'I2'),
        anItem('I3', { name: null }),
        aVariation('NAMELESS', 'I3', { name: null }),
      ]);
    const page = await products().listPage({ ...allTime, stream: 'items' });
    expect(page.records).toMatchObject([{ externalId: 'WELL', fields: { name: 'Tea, Large', amountMinor: 450 } }]);
    expect(page.rejections?.map(({ externalId }) => externalId).sort()).toEqual(['HALF', 'HUGE', 'I2', 'NAMELESS']);
    expect(page.rejections?.every(({ code }) => code === 'unreadable')).toBe(true);
  });

  it('rejects an object of an unexpected type', async () => {
    await world.merchant().seed('catalogue', 1);
    world.proxy().edit((answer) => {
      (answer.body as { objects: object[] }).objects.push({ type: 'HOLOGRAM', id: 'H', ...STAMP });
    });
    for (const stream of ['items', 'changed-objects']) {
      const page = await products().listPage({ ...allTime, stream });
      expect([page.records.length, page.rejections?.map(({ externalId }) => externalId)]).toEqual([1, ['H']]);
      expect(page.rejections?.map(({ unknownValues }) => unknownValues)).toEqual([[['type']]]);
    }
  });
});

describe('a product of Square', () => {
  it('tells the custom attributes of its item and its own by name, but for the one that holds our id', async () => {
    await world.merchant().put('catalogue', [anItem('I', {}), aVariation('V', 'I')]);
    const values = (...keys: string[]) =>
      Object.fromEntries(keys.map((key) => [key, { key, type: 'STRING', string_value: 'planted-7f3a' }]));
    world.proxy().edit((answer) => {
      for (const object of (answer.body as { objects: Record<string, unknown>[] }).objects) {
        object['custom_attribute_values'] = values('Square:1f-2e');
        const { variations } = object['item_data'] as { variations: Record<string, unknown>[] };
        variations[0]!['custom_attribute_values'] = values('roast', 'interlock_record_id', 'app:interlock_record_id');
      }
    });
    const [product] = await all();
    expect(product?.customFields).toEqual([
      ['custom_attribute_values', 'Square:1f-2e'],
      ['custom_attribute_values', 'roast'],
    ]);
    expect(JSON.stringify(product?.customFields)).not.toContain('planted-7f3a');
  });

  it('is a variation with its item’s fields, images and categories', async () => {
    await world.merchant().put('catalogue', [
      anItem('I', {
        ...{ description_plaintext: 'Green', description: 'old', is_taxable: true, is_archived: true },
        ...{ image_ids: ['P1'], categories: [{ id: 'C1' }, { id: 'C2' }], category_id: 'C1' },
      }),
      aVariation('V', 'I', { sku: 'T-1', upc: '0012', image_ids: ['P2'] }, { version: 2_000 }),
      { type: 'IMAGE', id: 'P1', ...STAMP, image_data: { url: 'https://example.com/1.png' } },
      { type: 'IMAGE', id: 'P2', ...STAMP, image_data: { url: 'https://example.com/2.png' } },
      { type: 'CATEGORY', id: 'C1', ...STAMP, category_data: { name: 'Drinks' } },
      { type: 'CATEGORY', id: 'C2', ...STAMP, category_data: { name: 'Hot' } },
    ]);
    const expected = {
      externalId: 'V',
      version: 2_000,
      changedAtMs: Date.parse(STAMP.updated_at),
      deleted: false,
      recordId: null,
      externalState: { itemId: 'I' },
      fields: {
        name: 'Tea',
        description: 'Green',
        sku: 'T-1',
        amountMinor: 450,
        currency: 'GBP',
        active: false,
        taxable: true,
        images: ['https://example.com/2.png', 'https://example.com/1.png'],
        metadata: {
          ...{ square_item_id: 'I', square_item_name: 'Tea', square_variation_name: 'Regular', square_upc: '0012' },
          square_categories: 'Drinks, Hot',
        },
      },
    };
    expect(await all()).toEqual([expected]);
    expect(await products().retrieve('V')).toEqual(expected);
    expect(await changed()).toEqual([expected]);
  });

  it.each([
    ['a variable price', { pricing_type: 'VARIABLE_PRICING' }, null, null],
    ['no price', { price_money: null }, null, null],
    ['a price of nothing', { price_money: { amount: 0, currency: 'JPY' } }, 0, 'JPY'],
  ])('with %s has neither amount nor currency, or both', async (_, data, amountMinor, currency) => {
    await world.merchant().put('catalogue', [anItem('I', {}), aVariation('V', 'I', data)]);
    expect((await all())[0]?.fields).toMatchObject({ amountMinor, currency });
  });

  it('is deleted with its variation or its item', async () => {
    const [first, second] = await world.merchant().seed('catalogue', 2);
    const { client } = world.merchant();
    const { object } = await client.catalog.object.get({ objectId: second ?? '' });
    await client.catalog.object.delete({ objectId: first ?? '' });
    await client.catalog.object.delete({
      objectId: (object as { itemVariationData: { itemId: string } }).itemVariationData.itemId,
    });
    for (const id of [first, second]) expect(await products().retrieve(id ?? '')).toBeNull();
    expect(await all()).toEqual([]);
  });
});

describe('the feed of changed objects', () => {
  const nowS = () => Math.floor(Date.now() / 1_000) - 5;

  it('contains all variations of an item with one changed, in one more call', async () => {
    await world
      .merchant()
      .put('catalogue', [anItem('I', {}), aVariation('S', 'I'), aVariation('L', 'I', { name: 'Large' })]);
    const sinceS = nowS();
    const variation = {
      type: 'ITEM_VARIATION',
      id: 'L',
      version: 1_000n,
      itemVariationData: {
        itemId: 'I',
        name: 'Huge',
        pricingType: 'FIXED_PRICING',
        priceMoney: { amount: 500n, currency: 'GBP' },
      },
    } as const;
    await world.merchant().client.catalog.object.upsert({ idempotencyKey: 'k', object: variation });
    const before = world.proxy().requests.length;
    const told = await changed(sinceS);
    expect(world.proxy().requests.length - before).toBe(2);
    expect(told.map(({ externalId, fields }) => [externalId, fields?.['name'], fields?.['amountMinor']])).toEqual([
      ['S', 'Tea, Regular', 450],
      ['L', 'Tea, Huge', 500],
    ]);
    expect(told[1]?.version).toBeGreaterThan(1_000);
  });

  it('contains deletions with their time, including variations named only by their deleted item', async () => {
    const [first] = await world.merchant().seed('catalogue', 3);
    const sinceS = nowS();
    await world.merchant().client.catalog.object.delete({ objectId: first ?? '' });
    const [deletion, ...more] = await changed(sinceS);
    expect(more).toEqual([]);
    expect(deletion).toMatchObject({ externalId: first, deleted: true, fields: null });
    expect(Math.abs((deletion?.deletedAtMs ?? 0) - Date.now())).toBeLessThan(60_000);
    await world
      .merchant()
      .put('catalogue', [
        anItem('I', { variations: [{ id: 'ONLY-HERE' }] }, { is_deleted: true, updated_at: new Date().toISOString() }),
      ]);
    expect((await changed(sinceS)).map(({ externalId }) => externalId).sort()).toEqual([first, 'ONLY-HERE'].sort());
  });
});
