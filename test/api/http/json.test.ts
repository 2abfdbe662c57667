import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ApiError } from '../../../api/errors/api-error.ts';
import { ErrorList } from '../../../api/errors/error-list.ts';
import { decodeJson, findHazards, hasHazard, MAX_DEPTH } from '../../../api/http/json.ts';

const encode = (text: string) => new Uint8Array(Buffer.from(text));
const codeOf = (bytes: Uint8Array): string => {
  try {
    decodeJson(bytes);
    return 'none';
  } catch (error) {
    return error instanceof ApiError ? error.code : 'other';
  }
};

describe('reading JSON', () => {
  it('returns what JSON.parse returns, for any value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 20 }), (value) => {
        const text = JSON.stringify(value);
        expect(decodeJson(encode(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('fails on any invalid bytes with our own message, never the engine’s', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(['none', 'malformed-json', 'invalid-encoding', 'too-deeply-nested']).toContain(codeOf(bytes));
      }),
    );
  });

  it('accepts 32 levels and rejects 33, for any mix and whatever is in strings between', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), fc.string(), (kinds, name) => {
        const key = JSON.stringify(`${name}[{"\\`);
        const open = kinds.map((object) => (object ? `{${key}:` : '[')).join('');
        const close = kinds
          .map((object) => (object ? '}' : ']'))
          .reverse()
          .join('');
        expect(codeOf(encode(`${open}1${close}`))).toBe(kinds.length > MAX_DEPTH ? 'too-deeply-nested' : 'none');
      }),
    );
  });

  it('reports where it stopped but never the text there', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{8,20}$/), (secret) => {
        try {
          decodeJson(encode(`{"key": ${secret}`));
          expect.unreachable();
        } catch (error) {
          expect((error as Error).message).not.toContain(secret.slice(0, 6));
          expect((error as Error).cause).toBeUndefined();
        }
      }),
    );
  });
});

describe('a value that no field may hold', () => {
  function hazardsOf(value: unknown) {
    const errors = new ErrorList();
    findHazards(value, errors);
    return errors.kept;
  }

  it('is found at any depth, and named by its path', () => {
    fc.assert(
      fc.property(
        fc.array(fc.stringMatching(/^[a-z]{1,5}$/), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('a\0', '\ud800', '\udc00x'),
        (path, bad) => {
          const value = path.reduceRight<unknown>(
            (inner, key) => ({ [key]: inner, fine: 'ok', list: [1, null, true] }),
            bad,
          );
          expect(hazardsOf(value).map((error) => error.path)).toContain(path.join('.'));
          expect(hazardsOf(path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), '😀'))).toEqual([]);
        },
      ),
    );
  });

  it('is noticed wherever it is named', () => {
    const key = fc.oneof(fc.string(), fc.constantFrom('a\0', '__proto__', '\ud800'));
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'small' },
        key,
        fc.constantFrom(null, 1, true),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('value')), { maxLength: 3 }).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(value, (some) => {
        expect(hasHazard(some)).toBe(hazardsOf(some).length > 0);
      }),
    );
  });
});
