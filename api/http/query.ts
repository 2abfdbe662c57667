import { invalidRequest } from './parse.ts';

/**
 * The text after the first `?` of a request target, which may contain further ones (RFC 3986 section 3.4). Empty
 * without one.
 */
export function queryTextOf(target: string): string {
  const start = target.indexOf('?');
  return start === -1 ? '' : target.slice(start + 1);
}

/**
 * Parses the query of a request target. Throws `invalid-request` for a repeated parameter, because either could be
 * meant.
 */
export function readQuery(target: string): Readonly<Record<string, string>> {
  // Has no prototype, because a parameter may be called `__proto__`.
  const query = Object.create(null) as Record<string, string>;
  const repeated = new Set<string>();
  for (const [name, value] of new URLSearchParams(queryTextOf(target))) {
    if (name in query) repeated.add(name);
    query[name] = value;
  }
  if (repeated.size > 0) throw invalidRequest([...repeated].map((path) => ({ path, message: 'Given more than once' })));
  return query;
}
