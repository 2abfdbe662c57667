import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstCharacters, isLongerThan } from '../../../domain/reference/characters.ts';
import { showKey } from '../../../api/http/json.ts';

describe('limits on text', () => {
  it('count code points, wherever the limit falls', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '🎈', 'é', '\u0301'), maxLength: 40 }),
        fc.nat(45),
        (text, max) => {
          const count = Array.from(text).length;
          expect(isLongerThan(text, max)).toBe(count > max);
          const cut = firstCharacters(text, max);
          expect(text.startsWith(cut)).toBe(true);
          expect(Array.from(cut)).toHaveLength(Math.min(count, max));
          expect(cut.isWellFormed()).toBe(true);
        },
      ),
    );
  });

  it('never split a character in the key that an error shows', () => {
    expect(showKey(`a${'🎈'.repeat(200)}`)).toBe(`a${'🎈'.repeat(99)}…`);
  });
});
