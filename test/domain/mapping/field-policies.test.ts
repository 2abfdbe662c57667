import { describe, expect, it } from 'vitest';
import type { MergePolicy } from '../../../contracts/records.ts';
import { fieldPolicies } from '../../../domain/mapping/field-policies.ts';
import type { MappingRule } from '../../../domain/mapping/mapping.ts';

const rule = (source: string, policy: MergePolicy, more: Partial<MappingRule> = {}): MappingRule => ({
  ...{ source, target: source, direction: 'both', policy },
  ...more,
});
const policyOf = (path: string, fields: readonly MappingRule[], policy?: MergePolicy) =>
  fieldPolicies({ fields, policy })(path);

describe('the policy of a path', () => {
  it('is that of the mapping, or review, where no rule reads into it', () => {
    expect(policyOf('name', [])).toBe('review');
    expect(policyOf('name', [rule('email', 'venue')], 'newest')).toBe('newest');
  });

  it('is that of the rule which reads into it, whatever the name at the provider', () => {
    expect(policyOf('name', [rule('name', 'provider', { target: 'description' })])).toBe('provider');
    expect(policyOf('description', [rule('name', 'provider', { target: 'description' })])).toBe('review');
  });

  it('of a key of a map is that of its own rule, else that of the whole map, else that of the mapping', () => {
    const fields = [rule('metadata.a', 'venue'), rule('metadata.b', 'provider')];
    expect(['a', 'b', 'c'].map((key) => policyOf(`metadata.${key}`, fields))).toEqual(['venue', 'provider', 'review']);
    const whole = [rule('metadata', 'newest'), ...fields];
    expect(['a', 'b', 'c'].map((key) => policyOf(`metadata.${key}`, whole))).toEqual(['venue', 'provider', 'newest']);
  });

  it('is not that of a rule which reads nothing back', () => {
    const silent: readonly MappingRule[] = [
      rule('sku', 'venue', { target: 'metadata.sku', direction: 'push' }),
      { target: 'metadata.label', expression: 'name', direction: 'both', policy: 'venue' },
      rule('sourceId', 'venue', { target: 'metadata.key' }),
    ];
    for (const path of ['sku', 'metadata.sku', 'metadata.label', 'metadata.other', 'sourceId'])
      expect(policyOf(path, silent), path).toBe('review');
  });

  it('of an object is that of the rules for its parts, and review where they disagree', () => {
    expect(policyOf('address', [rule('address.line1', 'venue'), rule('address.city', 'venue')])).toBe('venue');
    expect(policyOf('address', [rule('address.line1', 'venue'), rule('address.city', 'provider')], 'venue')).toBe(
      'review',
    );
  });
});
