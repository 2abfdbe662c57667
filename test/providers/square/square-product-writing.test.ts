import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ProductFields } from '../../../records/products.ts';
import { ProviderError } from '../../../providers/provider-error.ts';
import type { BatchWriter, ExternalState, MappableRecord } from '../../../providers/provider.ts';
import { writerOf } from '../../conformance/bench.ts';
import { createSquareWorld } from './square-world.ts';

const world = createSquareWorld();
const writer = () => writerOf(world.session('products'));
const batch = (): BatchWriter => {
  const { batch: found } = writer();
  if (!found) throw new Error('products are written in batches');
  return found;
};
const mapped = (record: MappableRecord) => world.adapter().mapping('products').toPayload(record);

const CHAI: ProductFields = {
  name: 'Chai',
  description: null,
  sku: 'CH-1',
  amountMinor: 1_800,
  currency: 'GBP',
  active: true,
  taxable: true,
  images: [],
  metadata: {},
};
const aRecord = (fields: Partial<ProductFields> = {}): MappableRecord => ({
  id: randomUUID(),
  sourceId: 'p-1',
  fields: { ...CHAI, ...fields },
});
const options = (externalState: ExternalState | null = null) => ({
  idempotencyKey: randomUUID(),
  clearedMetadataKeys: [],
  externalState,
});

type Wire = Readonly<Record<string, unknown>> & { readonly id: string };
const common = {
  version: 5,
  is_deleted: false,
  updated_at: '2026-11-01T10:00:00.000Z',
  present_at_all_locations: true,
};
/** An item with two sizes, a category, an image, a modifier, and fields that Interlock has no name for. */
const TEA = {
  ...{ type: 'ITEM', id: 'TEA', ...common },
  item_data: {
    ...{ name: 'Tea', description_html: '<p>Green</p>', description: 'Green', description_plaintext: 'Green' },
    ...{ is_taxable: true, image_ids: ['IMG'], categories: [{ id: 'CAT', ordinal: 3 }], kitchen_name: 'T' },
    ...{ modifier_list_info: [{ modifier_list_id: 'MOD' }], a_field_of_tomorrow: { kept: [1, 'two'] } },
  },
};
const aSize = (id: string, name: string, amount: number) => ({
  ...{ type: 'ITEM_VARIATION', id, ...common, absent_at_location_ids: ['L2'] },
  item_variation_data: {
    ...{ item_id: 'TEA', name, sku: `TEA-${id}`, upc: '0123', pricing_type: 'FIXED_PRICING', track_inventory: true },
    price_money: { amount, currency: 'GBP' },
    location_overrides: [{ location_id: 'L1', price_money: { amount: amount + 50, currency: 'GBP' } }],
  },
});
const putTea = (...others: readonly Wire[]) =>
  world.merchant().put('catalogue', [TEA, aSize('SMALL', 'Small', 300), aSize('LARGE', 'Large', 500), ...others]);
const OF_TEA = { itemId: 'TEA' };
const stored = async (id: string) => (await world.merchant().objects<Wire>('catalogue')).find((one) => one.id === id);
const readOf = async (id: string) => (await world.session('products').retrieve(id))?.fields as ProductFields;
const change = async (id: string, fields: Partial<ProductFields>) =>
  writer().update(id, mapped(aRecord({ ...(await readOf(id)), ...fields })), options(OF_TEA));
const upserts = () => world.proxy().requests.filter(({ path }) => path === '/v2/catalog/batch-upsert').length;

describe('an update of a Square product', () => {
  it('keeps everything of the item that it does not change: unknown fields, images, categories and other variations', async () => {
    await putTea();
    await change('SMALL', { amountMinor: 350 });
    const before = aSize('SMALL', 'Small', 300);
    const { version, updated_at: at } = (await stored('SMALL')) as Wire & typeof common;
    expect(version).toBeGreaterThan(before.version);
    expect(await stored('SMALL')).toEqual({
      ...before,
      ...{ version, updated_at: at },
      item_variation_data: { ...before.item_variation_data, price_money: { amount: 350, currency: 'GBP' } },
    });
    expect(await stored('TEA')).toEqual(TEA);
    expect(await stored('LARGE')).toEqual(aSize('LARGE', 'Large', 500));
  });

  it('of unchanged fields writes nothing, and leaves a formatted description as it is', async () => {
    await putTea({ ...TEA, id: 'TEA', item_data: { ...TEA.item_data, description_html: '<p><b>Green</b></p>' } });
    const before = upserts();
    await change('SMALL', {});
    expect(upserts()).toBe(before);
    await change('SMALL', { sku: 'NEW' });
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ description_html: '<p><b>Green</b></p>' });
  });

  it('leaves an item untaxed that the venue says nothing about, and a new one as Square makes it', async () => {
    await putTea({ ...TEA, item_data: { ...TEA.item_data, is_taxable: false } });
    await change('SMALL', { sku: 'NEW', taxable: null });
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ is_taxable: false });
    await change('SMALL', { taxable: true });
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ is_taxable: true });
    const { externalId } = await writer().create(mapped(aRecord({ taxable: null })), options());
    expect((await readOf(externalId)).taxable).toBe(true);
  });

  it('writes a changed description as plain paragraphs, which are read back as they were', async () => {
    await putTea();
    const description = 'Black & <strong>\n"Earl"';
    await change('SMALL', { description });
    expect((await stored('TEA'))?.['item_data']).toMatchObject({
      description_html: '<p>Black &amp; &lt;strong&gt;</p><p>&quot;Earl&quot;</p>',
    });
    expect(await readOf('SMALL')).toMatchObject({ description });
  });

  describe('that takes one of several variations out of use', () => {
    const activeOf = async (...ids: readonly string[]) => Promise.all(ids.map(async (id) => (await readOf(id)).active));
    const archivedState = async () => ((await stored('TEA'))?.['item_data'] as Wire)['is_archived'] ?? false;

    it('hides that one alone, at every location, and leaves its item and the others as they are', async () => {
      await putTea();
      await change('SMALL', { active: false });
      expect(await stored('SMALL')).toMatchObject({ present_at_all_locations: false });
      expect(await stored('SMALL')).not.toHaveProperty('absent_at_location_ids');
      expect(await stored('LARGE')).toEqual(aSize('LARGE', 'Large', 500));
      expect(await archivedState()).toBe(false);
      expect(await activeOf('SMALL', 'LARGE')).toEqual([false, true]);
      const before = upserts();
      await change('SMALL', { active: false });
      expect(upserts()).toBe(before);
    });

    it('is undone by bringing it back to the locations of its item', async () => {
      const here = { present_at_all_locations: false, present_at_location_ids: ['L1', 'L3'] };
      const sizes = [aSize('SMALL', 'Small', 300), aSize('LARGE', 'Large', 500)];
      await putTea({ ...TEA, ...here }, ...sizes.map((size) => ({ ...size, ...here })));
      await change('SMALL', { active: false });
      await change('SMALL', { active: true });
      expect(await stored('SMALL')).toMatchObject({
        present_at_all_locations: false,
        present_at_location_ids: ['L1', 'L3'],
      });
      expect(await activeOf('SMALL', 'LARGE')).toEqual([true, true]);
    });

    it('brings one back from an archived item without the others', async () => {
      await putTea({ ...TEA, item_data: { ...TEA.item_data, is_archived: true } });
      expect(await activeOf('SMALL', 'LARGE')).toEqual([false, false]);
      await change('LARGE', { active: true });
      expect(await archivedState()).toBe(false);
      expect(await activeOf('SMALL', 'LARGE')).toEqual([false, true]);
    });

    it('takes several of an item by one call', async () => {
      await putTea();
      const wanted = async (id: string, fields: Partial<ProductFields>) => ({
        ...{ externalId: id, mapped: mapped(aRecord({ ...(await readOf(id)), ...fields })), ...options(OF_TEA) },
      });
      const off = [await wanted('SMALL', { active: false }), await wanted('LARGE', { active: false })];
      await writer().batch?.update(off, options());
      expect(await activeOf('SMALL', 'LARGE')).toEqual([false, false]);
      const on = [await wanted('SMALL', { active: true }), await wanted('LARGE', { active: true, amountMinor: 510 })];
      await writer().batch?.update(on, options());
      expect(await activeOf('SMALL', 'LARGE')).toEqual([true, true]);
      expect(await readOf('LARGE')).toMatchObject({ amountMinor: 510 });
    });

    it('still archives the item of a product that is its only one', async () => {
      const { externalId, externalState } = await writer().create(mapped(aRecord()), options());
      const off = mapped(aRecord({ active: false }));
      expect(await writer().update(externalId, off, options(externalState ?? null))).toMatchObject({
        fields: { active: false },
      });
      const item = await stored(String(externalState?.['itemId']));
      expect(item).toMatchObject({ present_at_all_locations: true, item_data: { is_archived: true } });
    });
  });

  it('is refused as a conflict when somebody changed the item after it was read, and merges into the change when repeated', async () => {
    await putTea();
    world.proxy().edit(async ({ path }) => {
      if (path !== '/v2/catalog/batch-retrieve') return;
      world.proxy().edit(null);
      const { object } = await world.merchant().client.catalog.object.get({ objectId: 'TEA' });
      if (object?.type !== 'ITEM') throw new Error('an item');
      await world.merchant().client.catalog.object.upsert({
        idempotencyKey: randomUUID(),
        object: { ...object, itemData: { ...object.itemData, kitchenName: 'TEA!' } },
      });
    });
    const wanted = mapped(aRecord({ ...(await readOf('SMALL')), amountMinor: 350 }));
    await expect(writer().update('SMALL', wanted, options(OF_TEA))).rejects.toMatchObject({
      details: { kind: 'conflict', code: 'VERSION_MISMATCH' },
    });
    await writer().update('SMALL', wanted, options(OF_TEA));
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ kitchen_name: 'TEA!' });
    expect(await readOf('SMALL')).toMatchObject({ amountMinor: 350 });
  });

  it.each([
    ['the variation, where the item’s name stays', 'Tea, Tiny', ['Tea', 'Tiny']],
    ['the item, where the variation’s name stays', 'Iced Tea, Small', ['Iced Tea', 'Small']],
  ])('renames %s', async (_, name, [item, variation]) => {
    await putTea();
    await change('SMALL', { name });
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ name: item });
    expect((await stored('SMALL'))?.['item_variation_data']).toMatchObject({ name: variation });
  });

  it('rejects a name of which neither part stays, where an item has several variations', async () => {
    await putTea();
    await expect(change('SMALL', { name: 'Coffee' })).rejects.toMatchObject({
      details: { kind: 'rejected', code: 'ambiguous-name', field: 'name' },
    });
  });

  it('rejects a currency that the seller does not have, by its field', async () => {
    await expect(writer().create(mapped(aRecord({ currency: 'JPY' })), options())).rejects.toMatchObject({
      details: { kind: 'rejected', httpStatus: 400, field: 'price_money.currency' },
    });
  });

  it('takes a product without a SKU, and one without a price', async () => {
    const { fields } = await writer().create(
      mapped(aRecord({ sku: null, amountMinor: null, currency: null })),
      options(),
    );
    expect(fields).toMatchObject({ sku: null, amountMinor: null, currency: null });
  });

  it.each([
    ['of a type that nobody knows', { ...TEA, type: 'GADGET' }, 'type'],
    [
      'with a number that is not held exactly',
      { ...TEA, item_data: { ...TEA.item_data, sort_number: 2 ** 53 + 2 } },
      'exactly',
    ],
  ])('leaves an item %s alone, and says so of this record', async (_, item, told) => {
    await putTea(item);
    const before = upserts();
    await expect(writer().update('SMALL', mapped(aRecord()), options(OF_TEA))).rejects.toMatchObject({
      details: { kind: 'unexpected-response', unreadable: expect.stringContaining(told) as string },
    });
    expect(upserts()).toBe(before);
  });
});

describe('a batch of Square products', () => {
  it('writes an item once where several of its variations change', async () => {
    await putTea();
    const before = upserts();
    const [small, large] = [await readOf('SMALL'), await readOf('LARGE')];
    const outcomes = await batch().update(
      [
        { externalId: 'SMALL', mapped: mapped(aRecord({ ...small, amountMinor: 310 })), ...options(OF_TEA) },
        { externalId: 'LARGE', mapped: mapped(aRecord({ ...large, amountMinor: 510 })), ...options(OF_TEA) },
        { externalId: 'GONE', mapped: mapped(aRecord()), ...options(OF_TEA) },
      ],
      options(),
    );
    expect(outcomes).toMatchObject([
      { externalId: 'SMALL', fields: { amountMinor: 310 } },
      { externalId: 'LARGE', fields: { amountMinor: 510 } },
      { details: { kind: 'rejected', httpStatus: 404 } },
    ]);
    expect(upserts() - before).toBe(1);
  });

  it('creates 1,000 products by one upsert, each under the id of its own record', async () => {
    const records = Array.from({ length: 1_000 }, (_, index) => aRecord({ name: `Product ${index}` }));
    const before = upserts();
    const outcomes = await batch().create(
      records.map((record) => ({ mapped: mapped(record), idempotencyKey: randomUUID() })),
      options(),
    );
    expect(upserts() - before).toBe(1);
    expect(outcomes.map((one) => (one instanceof ProviderError ? null : one.recordId))).toEqual(
      records.map(({ id }) => id),
    );
  });

  it('is refused whole for one that Square refuses, and nothing of it is written', async () => {
    const records = [aRecord(), aRecord({ currency: 'JPY' }), aRecord()];
    await expect(
      batch().create(
        records.map((record) => ({ mapped: mapped(record), idempotencyKey: randomUUID() })),
        options(),
      ),
    ).rejects.toMatchObject({ details: { kind: 'rejected' } });
    const left = await world.merchant().objects<Wire>('catalogue');
    expect(left.filter(({ type }) => type === 'ITEM')).toEqual([]);
  });
});

describe('taking a Square product out of use', () => {
  it('deletes one of several variations and keeps its item, and archives the item with the last one', async () => {
    await putTea();
    expect(await writer().archive('SMALL', options())).toBe('deleted');
    expect(await stored('TEA')).toMatchObject({ is_deleted: false });
    expect(await writer().archive('LARGE', options())).toBe('archived');
    expect((await stored('TEA'))?.['item_data']).toMatchObject({ is_archived: true, categories: [{ id: 'CAT' }] });
    expect(await stored('LARGE')).toMatchObject({ is_deleted: false });
  });
});

describe('the attribute with our reference', () => {
  it('is defined once, also by two that begin at once, and is defined again after the seller has removed it', async () => {
    await Promise.all([writer().create(mapped(aRecord()), options()), writer().create(mapped(aRecord()), options())]);
    const definitions = async () =>
      (await world.merchant().objects<Wire>('catalogue')).filter(
        (one) => one['type'] === 'CUSTOM_ATTRIBUTE_DEFINITION' && one['is_deleted'] !== true,
      );
    const [only, ...others] = await definitions();
    expect(others).toEqual([]);
    await world.merchant().client.catalog.object.delete({ objectId: only?.id ?? '' });
    await writer().create(mapped(aRecord()), options());
    expect(await definitions()).toHaveLength(1);
  });
});
