import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DOCUMENTED_NAMES, issuesOf, namesIn, readItems } from '../../providers/items.ts';

const schema = z.object({
  id: z.string().min(1),
  phone: z.string().nullish(),
  owner: z.union([z.string(), z.object({ id: z.string() })]).optional(),
});
const issuesIn = (value: unknown, of: z.ZodType = schema) => issuesOf(of.safeParse(value).error!);

describe('reading the items of a list', () => {
  it('reads every readable item, and names the others by id and path', () => {
    const raw = [
      { id: 'a', phone: '1' },
      { id: 'b', phone: { secret: 'value' } },
      { id: 'c' },
      null,
      5,
      { phone: '2' },
      { id: 7 },
    ];
    const { items, unreadable } = readItems(schema, raw);
    expect(items.map(({ id }) => id)).toEqual(['a', 'c']);
    expect(unreadable).toEqual([
      { raw: raw[1], externalId: 'b', issues: 'phone: expected string, received object', changedTypes: [['phone']] },
      { raw: null, externalId: null, issues: 'the object: expected object, received null' },
      { raw: 5, externalId: null, issues: 'the object: expected object, received number' },
      { raw: raw[5], externalId: null, issues: 'id: expected string, received undefined' },
      { raw: raw[6], externalId: null, issues: 'id: expected string, received number', changedTypes: [['id']] },
    ]);
  });

  it('names the wrong part within the variant of a union that was meant', () => {
    expect(issuesIn({ id: 'a', owner: { id: 5 } })).toBe('owner.id: expected string, received number');
    expect(issuesIn({ id: 'a', owner: 5 })).toBe('owner: is of no known shape');
  });

  it('tells fields whose text is in no enumeration, and not fields that are missing or of another type', () => {
    const payment = z.object({
      status: z.enum(['paid', 'open']),
      lines: z.array(z.object({ kind: z.enum(['fee']) })).optional(),
      source: z.discriminatedUnion('type', [z.object({ type: z.literal('card') })]).optional(),
    });
    const unknownIn = (item: object) => readItems(payment, [item]).unreadable.map(({ unknownValues }) => unknownValues);
    expect(unknownIn({ status: 'planted' })).toEqual([[['status']]]);
    expect(unknownIn({ status: 'paid', lines: [{ kind: 'fee' }, { kind: 'planted' }] })).toEqual([[['lines', 'kind']]]);
    expect(unknownIn({ status: 'paid', source: { type: 'planted' } })).toEqual([[['source', 'type']]]);
    for (const item of [
      {},
      { status: null },
      { status: 7 },
      { status: 'paid', source: {} },
      { status: 'paid', source: 'x' },
    ])
      expect(unknownIn(item)).toEqual([undefined]);
  });

  it('tells fields of another type apart from those that are missing, and fields that are not documented', () => {
    const watched = z
      .object({ id: z.string(), owner: z.object({ name: z.string() }).optional() })
      .register(DOCUMENTED_NAMES, namesIn('id owner note', { address: 'city' }));
    const read = (item: object) => readItems(watched, [item, item]);
    expect(read({ id: 'a', owner: { name: 7 } }).unreadable[0]?.changedTypes).toEqual([['owner', 'name']]);
    expect(read({ id: 'a', owner: null }).unreadable[0]?.changedTypes).toEqual([['owner']]);
    expect(read({}).unreadable[0]).not.toHaveProperty('changedTypes');
    expect(
      read({ id: 'a', owner: { other: 'planted', name: 'x' }, note: 1, address: { city: 'x' } }),
    ).not.toHaveProperty('newFields');
    expect(read({ id: 'a', extra: 'planted', address: { city: 'x', planet: { name: 'planted' } } }).newFields).toEqual([
      ['extra'],
      ['address', 'planet'],
    ]);
    expect(readItems(schema, [{ id: 'a', extra: 'x' }])).not.toHaveProperty('newFields');
  });

  it('quotes neither values nor unusual keys, and has a bounded length', () => {
    const map = z.record(z.string(), z.string());
    expect(issuesIn({ 'anna@example.com': 5 }, map)).toBe('*: expected string, received number');
    const long = issuesIn(Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`key${index}`, 1])), map);
    expect(long.length).toBeLessThan(800);
    expect(long).toContain('; and 495 more');
    const deep = z.record(z.string(), map);
    expect(issuesIn({ ['k'.repeat(500)]: { ['v'.repeat(500)]: 1 } }, deep)).toBe(
      '*.*: expected string, received number',
    );
    expect(
      issuesIn({ id: 'secret-id', phone: 'x' }, z.object({ id: z.literal('customer'), phone: z.email() })),
    ).not.toMatch(/secret-id/);
    expect(issuesIn({ secretKey: 1 }, z.strictObject({}))).not.toMatch(/secretKey/);
  });
});
