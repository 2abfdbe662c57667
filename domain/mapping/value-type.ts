import type { ListType, ObjectType, TextType, ValueType } from '../../records/field.ts';
import { isLongerThan } from '../reference/characters.ts';
import { minorDigitsOf } from '../reference/currencies.ts';
import { isObject } from './field-path.ts';

/** What an expression is known to result in, as far as its outermost operator tells. */
export type ResultType = 'text' | 'number' | 'boolean';

type TypeName = ValueType['type'];

/** Types whose values are JSON strings. Those named first take any text that fits, which each record's value shows. */
const FREE_TEXTS: ReadonlySet<TypeName> = new Set(['text', 'email', 'url', 'decimal', 'currency', 'instant']);
const TEXTS: ReadonlySet<TypeName> = new Set([...FREE_TEXTS, 'word', 'source-id', 'record-id']);

const isText = ({ type }: ValueType): boolean => TEXTS.has(type);

/** Types of which a value map can list the values. */
export const isScalar = (value: ValueType): boolean =>
  isText(value) || value.type === 'boolean' || value.type === 'amount';

/** Whether values of one type can be written where another is expected. Whether each one fits, its record shows. */
export function isAssignable(from: ValueType, to: ValueType): boolean {
  if (from.type === 'word' && to.type === 'word') return from.words.every((word) => to.words.includes(word));
  if (FREE_TEXTS.has(to.type)) return isText(from);
  return from.type === to.type;
}

export function isResultAssignable(result: ResultType, to: ValueType): boolean {
  if (result === 'text') return isText(to);
  return result === 'boolean' ? to.type === 'boolean' : to.type === 'amount';
}

const NAMES: Readonly<Record<TypeName, string>> = {
  text: 'text',
  email: 'an email address',
  url: 'a URL of http or https',
  'source-id': 'a sourceId',
  'record-id': 'the id of a record',
  amount: 'a whole number of minor units',
  decimal: 'a decimal number in a string',
  currency: 'an ISO 4217 code',
  boolean: 'true or false',
  instant: 'a time in ISO 8601 with its zone',
  word: 'one of the words of its field',
  list: 'a list',
  object: 'an object',
  'string-map': 'names with texts',
};

export const describeType = ({ type }: ValueType): string => NAMES[type];

/** Why a value cannot be stored in a field of this type; null when it can. Never quotes the value. */
export function mismatchOf(value: unknown, type: ValueType): string | null {
  const matches = MATCHES[type.type] as (value: unknown, type: ValueType) => boolean | string;
  const verdict = matches(value, type);
  return verdict === true ? null : verdict === false ? `Must be ${describeType(type)}` : verdict;
}

const DECIMAL = /^-?\d{1,18}(\.\d{1,9})?$/;
const EMAIL = /^[^@\s]+@[^@\s]+$/;
const ZONED_TIME = /^\d{4}-\d{2}-\d{2}T[\d:.]+(Z|[+-]\d{2}:\d{2})$/;

const isShortText = (value: unknown, maxLength: number): boolean | string => {
  if (typeof value !== 'string') return false;
  return !isLongerThan(value, maxLength) || `Must have at most ${maxLength} characters`;
};

type Matches = { readonly [Type in TypeName]: (value: unknown, type: Extract<ValueType, { type: Type }>) => unknown };

const MATCHES: Matches = {
  text: (value, { minLength = 0, maxLength }: TextType) =>
    typeof value === 'string' && value.length < minLength ? 'Must not be empty' : isShortText(value, maxLength),
  email: (value, { maxLength }) => typeof value === 'string' && EMAIL.test(value) && isShortText(value, maxLength),
  url: (value, { maxLength }) =>
    typeof value === 'string' && /^https?:/.test(value) && URL.canParse(value) && isShortText(value, maxLength),
  'source-id': (value) => isShortText(value, 255),
  'record-id': (value) => typeof value === 'string',
  amount: (value, { min }) => {
    if (!Number.isSafeInteger(value)) return false;
    return min === undefined || (value as number) >= min || `Must be at least ${min}`;
  },
  decimal: (value) => typeof value === 'string' && DECIMAL.test(value),
  currency: (value) => typeof value === 'string' && minorDigitsOf(value) !== null,
  boolean: (value) => typeof value === 'boolean',
  instant: (value) => typeof value === 'string' && ZONED_TIME.test(value) && !Number.isNaN(Date.parse(value)),
  word: (value, { words }) => words.includes(value as string),
  list: listMatches,
  object: (value, { fields }: ObjectType) =>
    isObject(value) &&
    Object.keys(value).every((name) => Object.hasOwn(fields, name)) &&
    Object.entries(fields).every(([name, field]) =>
      (value[name] ?? null) === null ? field.presence !== 'required' : mismatchOf(value[name], field.value) === null,
    ),
  'string-map': (value, { maxKeys }) =>
    isObject(value) &&
    Object.keys(value).length <= maxKeys &&
    Object.entries(value).every(([key, entry]) => key.length <= 100 && isShortText(entry, 5_000) === true),
};

function listMatches(value: unknown, { item, maxItems }: ListType): boolean | string {
  if (!Array.isArray(value)) return false;
  if (value.length > maxItems) return `Must have at most ${maxItems} items`;
  return value.every((one) => mismatchOf(one, item) === null) || `Each item must be ${describeType(item)}`;
}
