import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMapping } from '../../../domain/mapping/check-mapping.ts';
import { createFieldMapping } from '../../../domain/mapping/field-mapping.ts';
import { overStored } from '../../../domain/mapping/kept-fields.ts';
import type { ExpressionResult, MappingRule } from '../../../domain/mapping/mapping.ts';
import { customers } from '../../../records/customers.ts';
import { products } from '../../../records/products.ts';
import type { RecordFields } from '../../../records/record-kind.ts';

const rule = (target: string, rest: Partial<MappingRule>): MappingRule => ({
  target,
  direction: 'both',
  policy: 'venue',
  ...rest,
});

const PRODUCT: RecordFields = {
  name: 'Cold brew',
  description: null,
  sku: 'CB-1',
  amountMinor: 450,
  currency: 'EUR',
  active: true,
  taxable: null,
  images: [],
  metadata: { season: 'summer', note: 'Served with ice', shelf: '3' },
};

const mapping = (...fields: readonly MappingRule[]) =>
  createFieldMapping(products, { version: 1, definition: { fields } });
const toProvider = (rules: readonly MappingRule[], results: readonly ExpressionResult[] = [], fields = PRODUCT) =>
  mapping(...rules).toProvider({ sourceId: 'sku-1', fields }, results);

describe('a field mapping', () => {
  it('changes nothing without rules', () => {
    const none = mapping();
    expect(none.toProvider({ sourceId: 'x', fields: PRODUCT }, [])).toEqual({ fields: PRODUCT, problems: [] });
    expect(none.toVenue(PRODUCT)).toEqual({ fields: PRODUCT, problems: [] });
    expect(none.kept).toEqual({ fields: [], keys: {} });
  });

  it('moves a key of a map to a field, and back', () => {
    const moving = mapping(rule('description', { source: 'metadata.note' }));
    const sent = moving.toProvider({ sourceId: 'x', fields: PRODUCT }, []);
    expect(sent.fields).toEqual({
      ...PRODUCT,
      description: 'Served with ice',
      metadata: { season: 'summer', shelf: '3' },
    });
    // The venue's own description is neither sent nor read: a pull leaves it as it is.
    expect(moving.kept).toEqual({ fields: ['description'], keys: {} });
    expect(moving.toVenue(sent.fields)).toEqual({ fields: PRODUCT, problems: [] });
  });

  it('translates by a value map, and back', () => {
    const translating = mapping(
      rule('metadata.saison', { source: 'metadata.season', values: { summer: 'Sommer', winter: 'Winter' } }),
    );
    const sent = translating.toProvider({ sourceId: 'x', fields: PRODUCT }, []);
    expect(sent.fields['metadata']).toEqual({ note: 'Served with ice', shelf: '3', saison: 'Sommer' });
    expect(translating.toVenue(sent.fields).fields).toEqual({
      ...PRODUCT,
      metadata: { note: 'Served with ice', shelf: '3', season: 'summer' },
    });
  });

  it('names a value that the map does not have by its field, in both directions, and never quotes it', () => {
    const rules = [rule('metadata.saison', { source: 'metadata.season', values: { winter: 'Winter' } })];
    const sent = toProvider(rules);
    expect(sent.problems).toEqual([
      { path: 'metadata.saison', message: 'The value map has no value for what metadata.season holds.' },
    ]);
    const read = mapping(...rules).toVenue({ ...PRODUCT, metadata: { saison: 'Herbst' } });
    expect(read.problems).toEqual([
      {
        path: 'metadata.season',
        message: 'The value map knows no value of the venue’s for what metadata.saison holds.',
      },
    ]);
    expect(JSON.stringify([sent.problems, read.problems])).not.toMatch(/Herbst|summer/);
  });

  it('sends an absent value as absent, whatever the value map says', () => {
    const rules = [rule('taxable', { source: 'metadata.tax', values: { full: true, none: false } })];
    expect(toProvider(rules)).toMatchObject({ fields: { taxable: null }, problems: [] });
  });

  it('sends what an expression results in, and never reads it back', () => {
    const rules = [rule('description', { expression: 'name & " " & sku' })];
    expect(toProvider(rules, [{ ok: true, value: 'Cold brew CB-1' }]).fields['description']).toBe('Cold brew CB-1');
    expect(mapping(...rules).toVenue({ ...PRODUCT, description: 'Cold brew CB-1' }).fields['description']).toBe(null);
    expect(mapping(...rules).kept.fields).toEqual(['description']);
  });

  it.each([
    ['failed', { ok: false, message: 'The expression took too long.' }, 'The expression took too long.'],
    ['results in a number for a text', { ok: true, value: 7 }, 'Must be text.'],
    ['results in nothing for a required field', { ok: true, value: undefined }, 'Must not be empty.'],
    ['results in an object', { ok: true, value: { a: 'b' } }, 'Must be text.'],
  ] as const)('names the field whose expression %s', (_what, result, message) => {
    expect(toProvider([rule('name', { expression: 'x' })], [result]).problems).toEqual([{ path: 'name', message }]);
  });

  it('names a map whose expression results in more keys than it takes', () => {
    const value = Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`key-${index}`, 'x']));
    const sent = toProvider([rule('metadata', { expression: 'x' })], [{ ok: true, value }]);
    expect(sent).toMatchObject({ fields: PRODUCT, problems: [{ path: 'metadata' }] });
  });

  it('gives each expression its own result, whatever stands between them', () => {
    const sent = toProvider(
      [
        rule('description', { expression: 'a' }),
        rule('metadata.id', { source: 'sourceId' }),
        rule('sku', { expression: 'b' }),
      ],
      [
        { ok: true, value: 'first' },
        { ok: true, value: 'second' },
      ],
    );
    expect(sent.fields).toMatchObject({ description: 'first', sku: 'second' });
    expect((sent.fields['metadata'] as RecordFields)['id']).toBe('sku-1');
  });

  it('keeps a key that is only sent, under the name that the venue has for it', () => {
    const sending = mapping(rule('metadata.saison', { source: 'metadata.season', direction: 'push' }));
    expect(sending.kept).toEqual({ fields: [], keys: { metadata: ['saison', 'season'] } });
  });

  it('keeps the provider’s value of a required field for a new record', () => {
    const naming = mapping(rule('name', { expression: '$uppercase(name)' }));
    expect(naming.toVenue(PRODUCT).fields['name']).toBe('Cold brew');
    expect(naming.kept.fields).toEqual(['name']);
  });

  it('maps a part of an object, and makes no empty object', () => {
    const parts = createFieldMapping(customers, {
      version: 1,
      definition: {
        fields: [rule('address.line2', { source: 'metadata.floor' })],
      },
    });
    const fields = { name: null, email: null, phone: null, address: null, marketingConsent: null };
    const sent = parts.toProvider({ sourceId: 'x', fields: { ...fields, metadata: { floor: '3rd' } } }, []);
    expect(sent.fields['address']).toMatchObject({ line1: null, line2: '3rd', country: null });
    expect(parts.toVenue(sent.fields).fields).toMatchObject({ address: null, metadata: { floor: '3rd' } });
    expect(parts.toProvider({ sourceId: 'x', fields: { ...fields, metadata: {} } }, []).fields['address']).toBe(null);
  });

  it('names the currency that is missing when a rule makes an amount alone', () => {
    const rules = [rule('amountMinor', { source: 'metadata.size', values: { small: 300 } })];
    const fields = { ...PRODUCT, amountMinor: null, currency: null, metadata: { size: 'small' } };
    const missing = { path: 'currency', message: 'Must not be empty, because amountMinor is not.' };
    expect(toProvider(rules, [], fields).problems).toEqual([missing]);
    expect(toProvider(rules, [], { ...fields, currency: 'EUR', amountMinor: 1 }).problems).toEqual([]);
    const reading = [rule('sku', { source: 'amountMinor', values: { 300: 'small' } })];
    expect(mapping(...reading).toVenue({ ...fields, sku: 'small' }).problems).toEqual([missing]);
  });

  it('reports a stored rule whose field is no longer known, and applies the others', () => {
    const sent = toProvider([rule('colour', { source: 'name' }), rule('description', { source: 'name' })]);
    expect(sent.problems).toEqual([expect.objectContaining({ path: 'colour' })]);
    expect(sent.fields['description']).toBe('Cold brew');
  });
});

const text = () => fc.string({ unit: 'binary', maxLength: 60 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const anyProduct = fc.record({
  name: text().filter((name) => name !== ''),
  description: optional(text()),
  sku: optional(text()),
  amountMinor: optional(fc.nat()),
  currency: fc.constantFrom('EUR', 'JPY', 'BHD', null),
  active: fc.boolean(),
  taxable: optional(fc.boolean()),
  images: fc.constant([]),
  metadata: fc.dictionary(fc.constantFrom('a', 'b', 'c', 'season', 'note', 'constructor', 'toString'), text()),
});
const sources = ['name', 'sku', 'metadata.a', 'metadata.season', 'metadata.toString', 'description'];
const targets = ['description', 'sku', 'metadata.b', 'metadata.season', 'metadata.constructor', 'name'];
const anyValues = fc.option(fc.dictionary(text(), fc.oneof(text(), fc.nat(), fc.boolean()), { maxKeys: 4 }), {
  nil: undefined,
});
const anyRule = fc.record({
  target: fc.constantFrom(...targets, 'amountMinor', 'images', 'nowhere'),
  source: fc.constantFrom(...sources, 'active', 'metadata', 'nowhere'),
  values: anyValues,
  direction: fc.constantFrom('push' as const, 'both' as const),
  policy: fc.constant('venue' as const),
});

describe('properties of field mappings', () => {
  it('is total: any rules over any record give fields or a named problem, and never throw', () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 5 }), anyProduct, (rules, fields) => {
        const any = mapping(...rules);
        for (const { fields: mapped, problems } of [
          any.toProvider({ sourceId: 'x', fields }, []),
          any.toVenue(fields),
        ]) {
          expect(Object.keys(mapped).sort()).toEqual(Object.keys(fields).sort());
          for (const { path, message } of problems) expect(`${path}${message}`).not.toBe('');
        }
      }),
    );
  });

  it('reads back what it has sent, for every mapping that may be saved', () => {
    const savable = fc.uniqueArray(anyRule, { maxLength: 4, selector: ({ target }) => target }).filter(
      (fields) =>
        checkMapping({
          kind: products,
          directions: { push: true, pull: true },
          definition: { fields },
          analyses: new Map(),
        }).length === 0,
    );
    fc.assert(
      fc.property(savable, anyProduct, (rules, fields) => {
        const two = mapping(...rules);
        const sent = two.toProvider({ sourceId: 'x', fields }, []);
        fc.pre(sent.problems.length === 0);
        const read = two.toVenue(sent.fields);
        expect(read.problems).toEqual([]);
        // Over the stored record: what is kept stays, everything else is as it was.
        expect(overStored(read.fields, fields, two.kept)).toEqual(fields);
        // And what is sent then is what was sent before.
        expect(two.toProvider({ sourceId: 'x', fields: overStored(read.fields, fields, two.kept) }, []).fields).toEqual(
          sent.fields,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('translates there and back by every value map that may be saved', () => {
    const injective = fc
      .uniqueArray(fc.tuple(text(), text()), { minLength: 1, maxLength: 8, selector: ([key]) => key })
      .map((entries) => Object.fromEntries(entries))
      .filter((values) => new Set(Object.values(values)).size === Object.keys(values).length);
    fc.assert(
      fc.property(injective, (values) => {
        const rules = [rule('metadata.b', { source: 'metadata.a', values })];
        for (const key of Object.keys(values)) {
          const fields = { ...PRODUCT, metadata: { a: key } };
          const sent = toProvider(rules, [], fields);
          expect(mapping(...rules).toVenue(sent.fields)).toEqual({ fields, problems: [] });
        }
      }),
    );
  });
});
