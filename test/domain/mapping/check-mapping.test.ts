import { describe, expect, it } from 'vitest';
import { checkMapping } from '../../../domain/mapping/check-mapping.ts';
import type { ExpressionAnalysis, MappingRule } from '../../../domain/mapping/mapping.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';

const BOTH = { push: true, pull: true };
const rule = (given: Partial<MappingRule> & { readonly target: string }): MappingRule => ({
  direction: 'both',
  policy: 'venue',
  ...given,
});

function check(
  fields: readonly MappingRule[],
  {
    kind = 'products',
    directions = BOTH,
    analyses = {},
  }: {
    readonly kind?: string;
    readonly directions?: typeof BOTH;
    readonly analyses?: Readonly<Record<string, ExpressionAnalysis>>;
  } = {},
) {
  const problems = checkMapping({
    kind: RECORD_KINDS.get(kind),
    directions,
    definition: { fields },
    analyses: new Map(Object.entries(analyses)),
  });
  return problems.map(({ path, message }) => `${path}: ${message}`);
}

describe('checkMapping', () => {
  it('names every unknown source and target at once', () => {
    expect(
      check([
        rule({ target: 'descripton', source: 'name' }),
        rule({ target: 'metadata.season', source: 'season' }),
        rule({ target: 'name.first', source: 'metadata.__proto__' }),
      ]),
    ).toEqual([
      'fields.0.target: Products have no such field',
      'fields.1.source: Products have no such field',
      'fields.2.target: Products have no such field',
      'fields.2.source: Products have no such field',
    ]);
  });

  it.each([
    ['a text to an amount', rule({ target: 'amountMinor', source: 'name' }), 'fields.0.source: Wrong type'],
    ['a text to a flag', rule({ target: 'taxable', source: 'metadata.taxed' }), 'fields.0.source: Wrong type'],
    ['an amount to a text', rule({ target: 'metadata.price', source: 'amountMinor' }), 'fields.0.source: Wrong type'],
    ['a list to a text', rule({ target: 'description', source: 'images' }), 'fields.0.source: Wrong type'],
    ['a map to a text', rule({ target: 'description', source: 'metadata' }), 'fields.0.source: Wrong type'],
  ])('refuses to write %s', (_what, wrong, message) => {
    expect(check([wrong])[0]).toContain(message);
  });

  it('refuses a text that cannot be read back into a field of fixed words', () => {
    const problems = check([rule({ target: 'metadata.kind', source: 'kind' })], {
      kind: 'transactions',
      directions: { push: false, pull: true },
    });
    expect(problems).toEqual(['fields.0.target: Cannot be read back: kind takes one of the words of its field']);
  });

  it('names the clashing values of a map without an inverse, and accepts the map where nothing is read back', () => {
    const values = { spring: 'warm', summer: 'warm', winter: 'cold' };
    const given = rule({ target: 'metadata.weather', source: 'metadata.season', values });
    expect(check([given])).toEqual([expect.stringMatching(/^fields\.0\.values\.summer: Has no inverse: `spring`/)]);
    expect(check([{ ...given, direction: 'push' }])).toEqual([]);
  });

  it('refuses values that their fields never have', () => {
    expect(
      check([rule({ target: 'amountMinor', source: 'taxable', values: { true: 'free', yes: 100, false: 1.5 } })]),
    ).toEqual([
      expect.stringContaining('fields.0.values.true: Wrong type for amountMinor'),
      expect.stringContaining('fields.0.values.yes: taxable never has this value'),
      expect.stringContaining('fields.0.values.false: Wrong type for amountMinor'),
    ]);
  });

  it('takes a value as clashing by what it is, not by how it is written', () => {
    const values = { a: 1, b: '1' };
    expect(check([rule({ target: 'metadata.n', source: 'metadata.letter', values })])).toEqual([
      expect.stringContaining('fields.0.values.a: Wrong type'),
      expect.stringContaining('fields.0.values.b: Has no inverse'),
    ]);
  });

  it('refuses two rules that write one field, in either direction', () => {
    expect(
      check([
        rule({ target: 'description', source: 'metadata.note' }),
        rule({ target: 'description', source: 'metadata.text' }),
        rule({ target: 'sku', source: 'metadata.note' }),
      ]),
    ).toEqual([
      'fields.1.target: Rule 0 sends the same field already',
      'fields.2.source: Rule 0 reads back into the same field already',
    ]);
    expect(
      check([
        rule({ target: 'description', source: 'metadata.note' }),
        rule({ target: 'sku', source: 'metadata.note', direction: 'push' }),
      ]),
    ).toEqual([]);
  });

  it('refuses to map a whole map and a key of it', () => {
    expect(
      check([
        rule({ target: 'metadata', source: 'metadata' }),
        rule({ target: 'metadata.season', source: 'metadata.time' }),
      ]),
    ).toEqual([
      'fields.1.target: Rule 0 sends the same field already',
      'fields.1.source: Rule 0 reads back into the same field already',
    ]);
  });

  it('refuses references, which the service translates by itself', () => {
    expect(
      check([rule({ target: 'productSourceId', source: 'metadata.product' })], { kind: 'inventory' })[0],
    ).toContain('fields.0.target: Names another record');
  });

  it.each([
    ['an expression that is only read back', rule({ target: 'description', expression: 'name', direction: 'pull' })],
    ['a field that is only read back', rule({ target: 'description', source: 'metadata.x', direction: 'pull' })],
    ['a sourceId that is only read back', rule({ target: 'description', source: 'sourceId', direction: 'pull' })],
  ])('refuses %s where the provider is written to', (_what, given) => {
    const analyses = { name: { ok: true, names: ['name'], result: null } as const };
    expect(check([given], { analyses })).toEqual([expect.stringContaining('fields.0.direction: ')]);
  });

  it.each(['push', 'both'] as const)('refuses an expression (%s) for a resource that is only read', (direction) => {
    const analyses = { '"x"': { ok: true, names: [], result: 'text' } as const };
    expect(
      check([rule({ target: 'metadata.note', expression: '"x"', direction })], {
        kind: 'transactions',
        directions: { push: false, pull: true },
        analyses,
      }),
    ).toEqual(['fields.0.direction: The provider’s resource is only read']);
  });

  it('names what is wrong with each expression', () => {
    const analyses: Readonly<Record<string, ExpressionAnalysis>> = {
      'nam & sku': { ok: true, names: ['nam', 'sku'], result: 'text' },
      '(': { ok: false, message: 'Ends too early' },
      'name & sku': { ok: true, names: ['name', 'sku'], result: 'text' },
    };
    expect(
      check(
        [
          rule({ target: 'description', expression: 'nam & sku' }),
          rule({ target: 'sku', expression: '(' }),
          rule({ target: 'amountMinor', expression: 'name & sku' }),
        ],
        { analyses },
      ),
    ).toEqual([
      'fields.0.expression: Products have no field `nam`',
      'fields.1.expression: Ends too early',
      'fields.2.expression: Wrong type: results in text, and amountMinor takes a whole number of minor units',
    ]);
  });

  it('accepts an empty mapping and the defaults written out, for every kind of record', () => {
    for (const kind of RECORD_KINDS.all) {
      const references = new Set(Object.values(kind.references).map(({ field }) => field));
      const fields = Object.keys(kind.fields)
        .filter((name) => !references.has(name))
        .map((name) => rule({ target: name, source: name }));
      expect(check([], { kind: kind.name })).toEqual([]);
      expect(check(fields, { kind: kind.name })).toEqual([]);
    }
  });
});
