import type { CustomerFields } from './customer.ts';
import { invalidRequest } from './failure.ts';

type Matches = (fields: CustomerFields, created: number) => boolean;

const TEXT_FIELDS = ['email', 'name', 'phone'] as const;

// One clause: an optional minus, a field, an operator, and a quoted string, a number or null.
const CLAUSE = /^\s*(-?)(created|email|name|phone|metadata\[(?:"[^"]+"|'[^']+')\])\s*(:|~|>=|<=|>|<)\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\d+|null)\s*/;
const JOIN = /^(AND|OR)\b/i;

/**
 * The part of Stripe's search language that customers have: https://docs.stripe.com/search#search-query-language (2026-11).
 * `:` is exact and ignores case, `~` finds a part of at least three characters, `>` and the like compare `created`; clauses are joined
 * by AND or by OR, never both; a minus negates. Throws a `Failure` on anything else.
 */
export function parseSearch(query: string): Matches {
  const clauses: Matches[] = [];
  let join: string | null = null;
  let rest = query;
  for (;;) {
    const clause = CLAUSE.exec(rest);
    if (!clause) throw cannotRead(query);
    clauses.push(matcherOf(clause, query));
    rest = rest.slice(clause[0].length);
    if (rest === '') break;
    const word = JOIN.exec(rest)?.[1]?.toUpperCase() ?? 'AND';
    if (join !== null && join !== word) throw invalidRequest('A search query cannot mix AND and OR.', { param: 'query' });
    join = word;
    rest = rest.replace(JOIN, '');
  }
  const any = join === 'OR';
  return (fields, created) => (any ? clauses.some((matches) => matches(fields, created)) : clauses.every((matches) => matches(fields, created)));
}

function matcherOf([, minus, field = '', operator = '', literal = '']: RegExpExecArray, query: string): Matches {
  const value = literal === 'null' ? null : unquoted(literal);
  const matches = field === 'created' ? createdMatcher(operator, literal, query) : textMatcher(textOf(field), { operator, value, query });
  return minus === '-' ? (fields, created) => !matches(fields, created) : matches;
}

function unquoted(literal: string): string {
  return /^["']/.test(literal) ? literal.slice(1, -1).replaceAll(/\\(.)/g, '$1') : literal;
}

function createdMatcher(operator: string, value: string, query: string): Matches {
  const limit = Number(value);
  if (!/^\d+$/.test(value) || operator === '~') throw cannotRead(query);
  const compare: Record<string, (created: number) => boolean> = {
    ':': (created) => created === limit,
    '>': (created) => created > limit,
    '<': (created) => created < limit,
    '>=': (created) => created >= limit,
    '<=': (created) => created <= limit,
  };
  return (_fields, created) => compare[operator]?.(created) ?? false;
}

type TextOf = (fields: CustomerFields) => string | null;

function textOf(field: string): TextOf {
  const name = TEXT_FIELDS.find((known) => known === field);
  if (name !== undefined) return (fields) => fields[name];
  const key = unquoted(field.slice('metadata['.length, -1));
  return ({ metadata }) => (Object.hasOwn(metadata, key) ? (metadata[key] ?? null) : null);
}

function textMatcher(read: TextOf, test: { readonly operator: string; readonly value: string | null; readonly query: string }): Matches {
  const { operator, value, query } = test;
  if (operator === ':' && value === null) return (fields) => read(fields) === null;
  const wanted = value?.toLowerCase() ?? '';
  if (operator === ':') return (fields) => read(fields)?.toLowerCase() === wanted;
  if (operator !== '~' || wanted.length < 3) throw cannotRead(query);
  return (fields) => read(fields)?.toLowerCase().includes(wanted) ?? false;
}

function cannotRead(query: string) {
  return invalidRequest(`We were unable to parse your search query: ${query.slice(0, 200)}`, { param: 'query' });
}
