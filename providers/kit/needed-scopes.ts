import type { Direction, Resource } from '../../contracts/providers.ts';
import type { ReportDefinition } from '../../contracts/reports.ts';

/** Permissions by resource: to read it at the provider, and to write it there. */
export type NeededScopes = Readonly<
  Partial<Record<Resource, { readonly pull: readonly string[]; readonly push?: readonly string[] }>>
>;

interface Scoped {
  readonly neededScopes?: NeededScopes | undefined;
  readonly reports?: readonly ReportDefinition[] | undefined;
}

/**
 * The permissions that a connection lacks for a run of a resource: its owner approved it before they were asked for, or
 * granted fewer. A grant that names no permissions, such as a personal access token, has all of them.
 */
export function scopesMissingFor(
  { neededScopes = {} }: Scoped,
  granted: readonly string[],
  { resource, direction }: { readonly resource: Resource; readonly direction: Direction },
): readonly string[] {
  const { pull = [], push = [] } = neededScopes[resource] ?? {};
  // A push reads too: what it is about to change, and what an unanswered write has left.
  return notIn(granted, direction === 'pull' ? pull : [...pull, ...push]);
}

/** The permissions that a connection lacks to read a report. */
export const scopesMissingForReport = ({ scopes = [] }: ReportDefinition, granted: readonly string[]) =>
  notIn(granted, scopes);

const notIn = (granted: readonly string[], needed: readonly string[]): readonly string[] =>
  granted.length === 0 ? [] : [...new Set(needed)].filter((scope) => !granted.includes(scope));

/** The permissions that a connection lacks for what the provider can do. */
export function scopesMissing(definition: Scoped, granted: readonly string[]): readonly string[] {
  const missing = Object.keys(definition.neededScopes ?? {}).flatMap((resource) =>
    scopesMissingFor(definition, granted, { resource, direction: 'both' }),
  );
  const ofReports = (definition.reports ?? []).flatMap((report) => scopesMissingForReport(report, granted));
  return [...new Set([...missing, ...ofReports])].sort();
}
