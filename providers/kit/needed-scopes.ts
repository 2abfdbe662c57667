import type { Direction, Resource } from '../../contracts/providers.ts';

/** Permissions by resource: to read it at the provider, and to write it there. */
export type NeededScopes = Readonly<
  Partial<Record<Resource, { readonly pull: readonly string[]; readonly push?: readonly string[] }>>
>;

interface Scoped {
  readonly neededScopes?: NeededScopes | undefined;
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
  const needed = direction === 'pull' ? pull : [...pull, ...push];
  return granted.length === 0 ? [] : [...new Set(needed)].filter((scope) => !granted.includes(scope));
}

/** The permissions that a connection lacks for what the provider can do. */
export function scopesMissing(definition: Scoped, granted: readonly string[]): readonly string[] {
  const missing = Object.keys(definition.neededScopes ?? {}).flatMap((resource) =>
    scopesMissingFor(definition, granted, { resource, direction: 'both' }),
  );
  return [...new Set(missing)].sort();
}
