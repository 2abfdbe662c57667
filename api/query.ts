import { invalidRequest } from './parse.ts';

/** The query of a request target, each parameter once. Throws `invalid-request` for a repeated one: which of the two was meant is a guess. */
export function readQuery(target: string): Readonly<Record<string, string>> {
  const start = target.indexOf('?');
  if (start === -1) return {};
  // Without a prototype: a parameter may be called `__proto__`.
  const query = Object.create(null) as Record<string, string>;
  const repeated = new Set<string>();
  for (const [name, value] of new URLSearchParams(target.slice(start + 1))) {
    if (name in query) repeated.add(name);
    query[name] = value;
  }
  if (repeated.size > 0) throw invalidRequest([...repeated].map((path) => ({ path, message: 'Given more than once' })));
  return query;
}
