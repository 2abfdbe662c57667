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
): Directions {
  const ability = abilityOf(providers, { provider, kind });
  if (ability) return ability;
  const { displayName, resources } = providers.find(provider)?.capabilities ?? { displayName: provider, resources: [] };
  const known = resources.map(({ resource }) => resource).join(', ');
  throw new ApiError(
    'resource-not-supported',
    `${displayName} does not sync ${kind.name}. It syncs: ${known || 'nothing yet'}.`,
  );
}

/** Null: the provider does not sync the resource. */
function abilityOf(
  providers: Providers,
  { provider, kind }: Pick<Connection, 'provider'> & Pick<MappedResource, 'kind'>,
): Directions | null {
  const resources = providers.find(provider)?.capabilities.resources ?? [];
  const directions = resources.find(({ resource }) => resource === kind.name)?.directions;
  return directions ? { push: directions.includes('push'), pull: directions.includes('pull') } : null;
}

interface Directions {
  readonly push: boolean;
  readonly pull: boolean;
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
  const problems = await problemsOf(deps, { kind: mapped.kind, directions: directionsOf(deps, mapped), fields });
  if (problems.length > 0) throw invalidRequest(problems);
}

/**
 * What is wrong with the rules of a body by the connection's resource. Rules that are wrong by their form are left out,
 * and so are all where there is no such resource, which is told elsewhere.
 */
export async function wrongRules(
  deps: MappingCheckDeps,
  { connection, kind }: Pick<MappedResource, 'kind'> & { readonly connection: Connection | null },
  { fields: sent }: Sent,
): Promise<readonly FieldError[]> {
  const directions = connection && abilityOf(deps.providers, { provider: connection.provider, kind });
  if (directions === null || !Array.isArray(sent)) return [];
  const fields = sent.slice(0, MAX_RULES).map((rule) => ruleInput.safeParse(rule).data ?? null);
  return problemsOf(deps, { kind, directions, fields });
}

async function problemsOf(
  deps: Pick<MappingCheckDeps, 'expressions'>,
  {
    kind,
    directions,
    fields,
  }: {
    readonly kind: RecordKind;
    readonly directions: Directions;
    readonly fields: readonly (MappingRule | null)[];
  },
): Promise<readonly MappingProblem[]> {
  const texts = [...new Set(fields.flatMap((rule) => rule?.expression ?? []))];
  const analyses = texts.length === 0 ? new Map<never, never>() : await deps.expressions.analyse(texts);
  return checkMapping({ kind, directions, definition: { fields }, analyses });
}
