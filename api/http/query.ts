import { invalidRequest } from './parse.ts';

/** What follows the first `?` of a request target; a query may hold further ones (RFC 3986 section 3.4). Empty without one. */
export function queryTextOf(target: string): string {
  const start = target.indexOf('?');
  return start === -1 ? '' : target.slice(start + 1);
}

/** The query of a request target, each parameter once. Throws `invalid-request` for a repeated one: which of the two was meant is a guess. */
export function readQuery(target: string): Readonly<Record<string, string>> {
  // Without a prototype: a parameter may be called `__proto__`.
  const query = Object.create(null) as Record<string, string>;
  const repeated = new Set<string>();
  for (const [name, value] of new URLSearchParams(queryTextOf(target))) {
    if (name in query) repeated.add(name);
    query[name] = value;
  }
  if (repeated.size > 0) throw invalidRequest([...repeated].map((path) => ({ path, message: 'Given more than once' })));
  return query;
}
