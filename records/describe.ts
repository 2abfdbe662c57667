import type { Field, ValueType } from './field.ts';
import { fieldsOf } from './record-kind.ts';
import type { RecordFilterRule, RecordKind } from './record-kind.ts';

/** A field in words, for the documentation; Markdown code in backticks. */
export interface DescribedField {
  readonly name: string;
  readonly type: string;
  readonly presence: 'required' | 'may be null' | 'never null';
  readonly about: string;
}

export interface DescribedFilter {
  readonly name: string;
  readonly about: string;
}

export const describeFields = (kind: RecordKind): readonly DescribedField[] =>
  fieldsOf(kind).map(([name, field]) => ({
    name,
    type: describeType(field.value),
    presence: PRESENCE[field.presence],
    about: describeAbout(field),
  }));

export const describeFilters = ({ filters }: RecordKind): readonly DescribedFilter[] =>
  Object.entries(filters).map(([name, rule]) => ({ name, about: describeFilter(rule) }));

const PRESENCE = { required: 'required', optional: 'may be null', defaulted: 'never null' } as const;

const count = (number: number): string => number.toLocaleString('en');

const describeFilter = ({ by, field }: RecordFilterRule): string =>
  ({
    equal: `\`${field}\` is this`,
    from: `\`${field}\` is at or after this time`,
    before: `\`${field}\` is before this time`,
  })[by];

function describeAbout({ description, value }: Field): string {
  const inside = value.type === 'list' ? value.item : value;
  const parts =
    inside.type === 'object'
      ? Object.entries(inside.fields).map(([name, field]) => `\`${name}\` (${describeType(field.value)})`)
      : [];
  return [description ?? '', parts.length === 0 ? '' : `Each has ${parts.join(', ')}.`].filter(Boolean).join(' ');
}

const describeType = (value: ValueType): string => DESCRIPTIONS[value.type](value as never);

const DESCRIPTIONS: { readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => string } = {
  text: ({ minLength = 0, maxLength }) =>
    `text, ${minLength > 0 ? `${minLength}–` : 'at most '}${count(maxLength)} characters`,
  email: ({ maxLength }) => `email address, at most ${count(maxLength)} characters`,
  url: ({ maxLength }) => `URL, at most ${count(maxLength)} characters`,
  'source-id': ({ of }) => `\`sourceId\` of one of \`${of}\``,
  'record-id': ({ of }) => `id of one of \`${of}\``,
  amount: ({ min }) => `money in minor units${min === undefined ? '' : `, at least ${min}`}`,
  decimal: () => 'decimal number in a string',
  currency: () => 'ISO 4217 code',
  boolean: () => 'true or false',
  instant: () => 'time, ISO 8601 in UTC',
  word: ({ words }) => words.map((word) => `\`${word}\``).join(', '),
  list: ({ item, maxItems }) => `list of at most ${count(maxItems)}: ${describeType(item)}`,
  object: () => 'object',
  'string-map': ({ maxKeys }) => `at most ${maxKeys} names with texts`,
};
