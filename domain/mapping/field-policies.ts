import type { MergePolicy } from '../../contracts/records.ts';
import { parsePath } from './field-path.ts';
import { DEFAULT_POLICY, isReadOnlyRule, policiesOf } from './mapping.ts';
import type { MappingDefinition } from './mapping.ts';

/**
 * The policy of each field under a definition, by the path in the venue's record that a merge decides about: a key of a
 * map, or a whole field. A rule speaks for the path that it reads into and for nothing beside it, so that a key of
 * `metadata` without a rule keeps the policy of the fields that no rule names. A rule that reads nothing back speaks for
 * no field.
 *
 * Objects such as an address are merged whole: rules for parts of one decide about all of it, and leave it to a person
 * where they disagree.
 */
export function fieldPolicies(definition: MappingDefinition): (path: string) => MergePolicy {
  const { policy: ofTheRest } = policiesOf(definition);
  const rules = definition.fields.filter((rule) => !isReadOnlyRule(rule));
  const [byPath, byField] = [new Map<string, MergePolicy>(), new Map<string, MergePolicy>()];
  for (const { source, policy } of rules) {
    if (source === undefined) continue;
    add(byPath, source, policy);
    add(byField, parsePath(source).field, policy);
  }
  return (path) => {
    const { field, key } = parsePath(path);
    return byPath.get(path) ?? (key === null ? byField.get(field) : byPath.get(field)) ?? ofTheRest;
  };
}

function add(policies: Map<string, MergePolicy>, name: string, policy: MergePolicy): void {
  policies.set(name, (policies.get(name) ?? policy) === policy ? policy : DEFAULT_POLICY);
}
