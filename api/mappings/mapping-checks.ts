import type { Connection } from '../../db/connections/connection-store.ts';
import { undecidablePolicies } from '../../domain/mapping/check-policies.ts';
import { checkMapping } from '../../domain/mapping/check-mapping.ts';
import type { MappingDefinition, MappingProblem, MappingRule } from '../../domain/mapping/mapping.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import type { Providers } from '../../providers/providers.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import { ApiError } from '../errors/api-error.ts';
import type { FieldError } from '../errors/api-error.ts';
import { invalidRequest } from '../http/parse.ts';
import type { Sent } from '../http/parse.ts';
import { MAX_RULES, ruleInput } from '../schemas/mapping.ts';

export interface MappingCheckDeps {
  readonly providers: Providers;
  readonly expressions: Pick<Expressions, 'analyse'>;
}

/** The connection's resource that a mapping is for. */
export interface MappedResource {
  readonly connection: Connection;
  readonly kind: RecordKind;
}

/** What the provider's resource can do. Throws `resource-not-supported`. */
export function directionsOf(
  { providers }: Pick<MappingCheckDeps, 'providers'>,
  { connection: { provider }, kind }: MappedResource,
): { readonly push: boolean; readonly pull: boolean } {
  const { displayName, resources } = providers.find(provider)?.capabilities ?? { displayName: provider, resources: [] };
  const ability = resources.find(({ resource }) => resource === kind.name);
  if (!ability) {
    const known = resources.map(({ resource }) => resource).join(', ');
    throw new ApiError(
      'resource-not-supported',
      `${displayName} does not sync ${kind.name}. It syncs: ${known || 'nothing yet'}.`,
    );
  }
  return { push: ability.directions.includes('push'), pull: ability.directions.includes('pull') };
}

/** Throws `merge-policy-not-supported` where `newest` asks for a time that the provider does not tell. */
export function requireDecidable(
  { providers }: Pick<MappingCheckDeps, 'providers'>,
  { connection: { provider }, kind }: MappedResource,
  definition: MappingDefinition,
): void {
  const adapter = providers.find(provider);
  const errors = adapter ? undecidablePolicies(definition, adapter.pullPlan(kind.name).dates ?? []) : [];
  if (errors.length > 0)
    throw new ApiError(
      'merge-policy-not-supported',
      `${adapter?.capabilities.displayName ?? provider} does not date what happens to ${kind.name}. Nothing was saved.`,
      { errors },
    );
}

/** Throws `invalid-request` with everything that is wrong with the definition. */
export async function requireValid(
  deps: MappingCheckDeps,
  mapped: MappedResource,
  { fields }: MappingDefinition,
): Promise<void> {
  const problems = await problemsOf(deps, mapped, fields);
  if (problems.length > 0) throw invalidRequest(problems);
}

/** What is wrong with the rules of a body by the connection's resource. A rule that is wrong by its form is left out. */
export async function wrongRules(
  deps: MappingCheckDeps,
  mapped: MappedResource,
  { fields: sent }: Sent,
): Promise<readonly FieldError[]> {
  if (!Array.isArray(sent)) return [];
  const rules = sent.slice(0, MAX_RULES).map((rule) => ruleInput.safeParse(rule).data ?? null);
  return problemsOf(deps, mapped, rules);
}

async function problemsOf(
  deps: MappingCheckDeps,
  mapped: MappedResource,
  fields: readonly (MappingRule | null)[],
): Promise<readonly MappingProblem[]> {
  const directions = directionsOf(deps, mapped);
  const texts = [...new Set(fields.flatMap((rule) => rule?.expression ?? []))];
  const analyses = texts.length === 0 ? new Map<never, never>() : await deps.expressions.analyse(texts);
  return checkMapping({ kind: mapped.kind, directions, definition: { fields }, analyses });
}
