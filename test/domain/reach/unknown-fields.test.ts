import { describe, expect, it } from 'vitest';
import { MAX_FIELD_PATH_LENGTH, fieldPath } from '../../../domain/reach/unknown-fields.ts';

describe('the path of an unknown field', () => {
  it.each([
    ['anna@example.com'],
    ['+44 20 7946 0958'],
    ['447911123456'],
    ['größe'],
    ['x\u0000y\ud800'],
    ['<script>'],
    ["'; drop table venues; --"],
    ['line\nbreak'],
    ['tab\there'],
    [''],
    [' '],
  ])('hides %j, which does not look like the name of a field', (name) => {
    expect(fieldPath(['metadata', name])).toBe('metadata._');
  });

  it('joins names by dots, and shows separators in a name as underscores', () => {
    expect(fieldPath(['metadata', 'loyalty_tier'])).toBe('metadata.loyalty_tier');
    expect(fieldPath(['metadata', 'Shoe size'])).toBe('metadata.Shoe_size');
    expect(fieldPath(['custom_attribute_values', 'Square:2b3f-41'])).toBe('custom_attribute_values.Square_2b3f_41');
    expect(fieldPath(['metadata', 'a.b'])).toBe('metadata.a_b');
    expect(fieldPath(['CustomField', 'Crew #'])).toBe('CustomField.Crew__');
  });

  it('has at most 200 characters, and does not end in a dot', () => {
    expect(fieldPath(['metadata', 'k'.repeat(5_000_000)])).toHaveLength(MAX_FIELD_PATH_LENGTH);
    expect(fieldPath(['k'.repeat(MAX_FIELD_PATH_LENGTH - 1), 'more'])).toBe('k'.repeat(MAX_FIELD_PATH_LENGTH - 1));
  });
});
