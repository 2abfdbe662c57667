import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cleanDeep, cleanText } from '../../../domain/reference/foreign-text.ts';

describe('text cleaning', () => {
  it.each([
    ['U+0000 in the middle', 'Caf\u0000e', 'Cafe'],
    ['only U+0000', '\u0000\u0000', ''],
    ['a lone high surrogate', 'A\ud83c', 'A\ufffd'],
    ['a lone low surrogate', '\udf88B', '\ufffdB'],
    ['surrogates in the wrong order', '\udf88\ud83c', '\ufffd\ufffd'],
    ['two halves with U+0000 between them', '\ud83c\u0000\udf88', '\ufffd\ufffd'],
    ['text that is fine', 'Žofie 🎈\n\u0001', 'Žofie 🎈\n\u0001'],
    ['nothing', '', ''],
  ])('cleans %s', (_what, text, cleaned) => {
    expect(cleanText(text)).toBe(cleaned);
  });

  it('returns valid text unchanged, and valid UTF-8 for any code units', () => {
    const codeUnits = fc.array(fc.oneof(fc.constantFrom(0, 0xd83c, 0xdf88), fc.integer({ min: 0, max: 0xffff })));
    fc.assert(
      fc.property(codeUnits, (units) => {
        const cleaned = cleanText(String.fromCharCode(...units));
        expect(cleaned).not.toContain('\u0000');
        expect(Buffer.from(cleaned, 'utf8').toString('utf8')).toBe(cleaned);
        expect(cleanText(cleaned)).toBe(cleaned);
      }),
    );
  });
});

describe('deep cleaning', () => {
  it('cleans strings and keys at every depth', () => {
    expect(
      cleanDeep({ name: 'Caf\u0000e', metadata: { 'k\u0000ey': ['a\ud83c', { b: '\u0000' }] }, count: 3, gone: null }),
    ).toEqual({
      name: 'Cafe',
      metadata: { key: ['a\ufffd', { b: '' }] },
      count: 3,
      gone: null,
    });
  });

  it('keeps the last of two keys that become equal', () => {
    expect(cleanDeep({ key: 'first', 'k\u0000ey': 'last' })).toEqual({ key: 'last' });
  });

  it('keeps a key named __proto__ a key', () => {
    const cleaned = cleanDeep(JSON.parse('{"__proto__": {"admin": "yes\\u0000"}}') as object);
    expect(Object.getPrototypeOf(cleaned)).toBe(Object.prototype);
    expect(JSON.stringify(cleaned)).toBe('{"__proto__":{"admin":"yes"}}');
  });

  it('returns the same value when it needs no cleaning', () => {
    const value = { a: [1, 'x', { b: Number.NaN }], when: new Date(0), big: 1n };
    expect(cleanDeep(value)).toBe(value);
  });

  it('leaves what is not JSON as it is', () => {
    const when = new Date(0);
    expect(cleanDeep({ name: '\u0000', when })).toEqual({ name: '', when });
  });
});
