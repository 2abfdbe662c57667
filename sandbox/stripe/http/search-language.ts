import { invalidRequest } from './failure.ts';

/**
 * An object that is searched. Its fields are read only when a clause needs them, because most seeded objects are
 * derived on demand.
 */
export interface Searched {
  readonly created: number;
  readonly object: () => Readonly<Record<string, unknown>>;
}

type Matches = (searched: Searched) => boolean;

/**
 * The fields of one kind that its search supports beside `created` and `metadata`:
 * https://docs.stripe.com/search#supported-query-fields-for-each-resource (2026-11).
 */
export interface SearchFields {
  readonly texts: readonly string[];
  readonly numbers?: readonly string[];
}

// One clause: an optional minus, a field, an operator, and a quoted string, a number, null or a boolean.
const CLAUSE =
  /^\s*(-?)([a-z_]+(?:\[(?:"[^"]+"|'[^']+')\])?)\s*(:|~|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\d+|null|true|false)\s*/;
const JOIN = /^(AND|OR)\b/i;

/**
 * Stripe's search language: https://docs.stripe.com/search#search-query-language (2026-11).
 * `:` matches exactly and ignores case, `~` matches a substring of at least three characters, and `>` and the like
 * compare numbers. Clauses are joined by AND or by OR, never both; a minus negates. Throws a `Failure` on anything
 * else.
 */
export function parseSearch(query: string, known: SearchFields): Matches {
  const clauses: Matches[] = [];
  let join: string | null = null;
  let rest = query;
  for (;;) {
    const clause = CLAUSE.exec(rest);
    if (!clause) throw cannotRead(query);
    clauses.push(matcherOf(clause, { query, known }));
    rest = rest.slice(clause[0].length);
    if (rest === '') break;
    const word = JOIN.exec(rest)?.[1]?.toUpperCase() ?? 'AND';
    if (join !== null && join !== word)
      throw invalidRequest('A search query cannot mix AND and OR.', { param: 'query' });
    join = word;
    rest = rest.replace(JOIN, '');
  }
  const any = join === 'OR';
  return (searched) =>
    any ? clauses.some((matches) => matches(searched)) : clauses.every((matches) => matches(searched));
}

function matcherOf(
  [, minus, field = '', operator = '', literal = '']: RegExpExecArray,
  { query, known }: { readonly query: string; readonly known: SearchFields },
): Matches {
  const value = literal === 'null' ? null : unquoted(literal);
  const isNumber = field === 'created' || (known.numbers?.includes(field) ?? false);
  const matches = isNumber
    ? numberMatcher(field, { operator, value, query })
    : textMatcher(textOf(field, { known, query }), { operator, value, query });
  return minus === '-' ? (searched) => !matches(searched) : matches;
}

function unquoted(literal: string): string {
  return /^["']/.test(literal) ? literal.slice(1, -1).replaceAll(/\\(.)/g, '$1') : literal;
}

interface Test {
  readonly operator: string;
  readonly value: string | null;
  readonly query: string;
}

function numberMatcher(field: string, { operator, value, query }: Test): Matches {
  const limit = Number(value);
  if (value === null || !/^\d+$/.test(value) || operator === '~') throw cannotRead(query);
  const compare: Record<string, (number: number) => boolean> = {
    ':': (number) => number === limit,
    '>': (number) => number > limit,
    '<': (number) => number < limit,
    '>=': (number) => number >= limit,
    '<=': (number) => number <= limit,
  };
  return (searched) =>
    compare[operator]?.(field === 'created' ? searched.created : Number(searched.object()[field])) ?? false;
}

type TextOf = (object: Readonly<Record<string, unknown>>) => string | null;

function textOf(field: string, { known, query }: { readonly known: SearchFields; readonly query: string }): TextOf {
  if (known.texts.includes(field)) return (object) => wordsOf(object[field]);
  if (!field.startsWith('metadata[')) throw cannotRead(query);
  const key = unquoted(field.slice('metadata['.length, -1));
  return ({ metadata }) =>
    Object.hasOwn(metadata as object, key) ? ((metadata as Readonly<Record<string, string>>)[key] ?? null) : null;
}

/** Strings as they are, booleans by name. */
function wordsOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : null;
}

function textMatcher(read: TextOf, { operator, value, query }: Test): Matches {
  if (operator === ':' && value === null) return ({ object }) => read(object()) === null;
  const wanted = value?.toLowerCase() ?? '';
  if (operator === ':') return ({ object }) => read(object())?.toLowerCase() === wanted;
  if (operator !== '~' || wanted.length < 3) throw cannotRead(query);
  return ({ object }) => read(object())?.toLowerCase().includes(wanted) ?? false;
}

function cannotRead(query: string) {
  return invalidRequest(`We were unable to parse your search query: ${query.slice(0, 200)}`, { param: 'query' });
}
