import { canonicalJson } from '../sync/fingerprint.ts';
import type { MappingDefinition, MappingRule } from './mapping.ts';

/**
 * Paths of fields that two definitions send or read differently: both ends of every rule that only one of them has. The
 * policy of a rule does not matter.
 */
export function changedPaths(one: MappingDefinition, other: MappingDefinition): readonly string[] {
  const [ours, theirs] = [ruleTexts(one), ruleTexts(other)];
  const changed = [...one.fields.filter(isMissingIn(theirs)), ...other.fields.filter(isMissingIn(ours))];
  return [...new Set(changed.flatMap(({ target, source }) => [target, ...(source === undefined ? [] : [source])]))];
}

const ruleTexts = ({ fields }: MappingDefinition): ReadonlySet<string> => new Set(fields.map(ruleText));

const isMissingIn = (texts: ReadonlySet<string>) => (rule: MappingRule) => !texts.has(ruleText(rule));

const ruleText = ({ policy: _policy, ...rule }: MappingRule): string => canonicalJson(rule);
