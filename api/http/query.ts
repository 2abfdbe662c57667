import type { Parsed } from './parse.ts';

/**
 * The text after the first `?` of a request target, which may contain further ones (RFC 3986 section 3.4). Empty
 * without one.
 */
export function queryTextOf(target: string): string {
  const start = target.indexOf('?');
  return start === -1 ? '' : target.slice(start + 1);
}

export interface QueryParameters {
  readonly values: Readonly<Record<string, string>>;
  /** A repeated parameter is refused, because either value could be meant. */
  readonly repeated: Parsed<null>;
}

/** Parses the query of a request target. */
export function readQuery(target: string): QueryParameters {
  // Has no prototype, because a parameter may be called `__proto__`.
  const values = Object.create(null) as Record<string, string>;
  const repeated = new Set<string>();
  for (const [name, value] of new URLSearchParams(queryTextOf(target))) {
    if (name in values) repeated.add(name);
    values[name] = value;
  }
  return { values, repeated: repeated.size === 0 ? { ok: true, value: null } : refusedNames(repeated) };
}

const refusedNames = (repeated: ReadonlySet<string>): Parsed<null> => ({
  ok: false,
  errors: [...repeated].map((path) => ({ path, message: 'Given more than once' })),
  omitted: 0,
});
