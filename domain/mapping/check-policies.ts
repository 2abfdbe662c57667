import type { DatedEvent } from '../sync/pull/pull-plan.ts';
import { policiesOf } from './mapping.ts';
import type { MappingDefinition, MappingProblem } from './mapping.ts';

/** The policies that ask for a time which the provider does not tell, by their path within the definition. */
export function undecidablePolicies(
  definition: MappingDefinition,
  dates: readonly DatedEvent[],
): readonly MappingProblem[] {
  const { policy, deletionPolicy } = policiesOf(definition);
  const undated = (event: keyof typeof MESSAGES, path: string, of: string) =>
    of === 'newest' && !dates.includes(event) ? [{ path, message: MESSAGES[event] }] : [];
  return [
    ...definition.fields.flatMap((rule, index) => undated('changes', `fields.${index}.policy`, rule.policy)),
    ...undated('changes', 'policy', policy),
    ...undated('deletions', 'deletionPolicy', deletionPolicy),
  ];
}

const MESSAGES = {
  changes: 'The provider does not tell when an object changed: `venue`, `provider` or `review`',
  deletions: 'The provider does not tell when an object was deleted: `venue`, `provider` or `review`',
} as const;
