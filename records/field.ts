import type { RecordId } from '../contracts/ids.ts';

/** What a value is. Schemas, columns, documentation and test data are derived from it. */
export type ValueType =
  | TextType
  | { readonly type: 'email'; readonly maxLength: number }
  | { readonly type: 'url'; readonly maxLength: number }
  /** The `sourceId` of a record of kind `of`. That record may arrive later. */
  | { readonly type: 'source-id'; readonly of: string }
  /** Our id of a record of kind `of`, which must be one of the venue. */
  | { readonly type: 'record-id'; readonly of: string }
  /** Money in minor units of the record's currency: a whole number that JavaScript holds exactly. */
  | { readonly type: 'amount'; readonly min?: number }
  /** A decimal number as a string. */
  | { readonly type: 'decimal' }
  /** ISO 4217. */
  | { readonly type: 'currency' }
  | { readonly type: 'boolean' }
  /** ISO 8601 in UTC. */
  | { readonly type: 'instant' }
  | WordType
  | ListType
  | ObjectType
  | { readonly type: 'string-map'; readonly maxKeys: number };

export interface TextType {
  readonly type: 'text';
  readonly minLength?: number;
  readonly maxLength: number;
}

/** One of a closed set of words. It is one schema of the OpenAPI document, under its name. */
export interface WordType {
  readonly type: 'word';
  readonly name: string;
  readonly words: readonly [string, ...string[]];
  readonly description?: string;
}

export interface ListType {
  readonly type: 'list';
  readonly item: ValueType;
  readonly maxItems: number;
  /** Of the whole list as JSON, for items that are bounded one by one and could be megabytes together. */
  readonly maxBytes?: number;
}

export interface ObjectType {
  readonly type: 'object';
  /** The name of its schema in the OpenAPI document. */
  readonly name: string;
  /** The name of the schema of what callers send; null shows it in place. */
  readonly inputName: string | null;
  readonly fields: FieldMap;
}

export type FieldMap = Readonly<Record<string, Field>>;

/**
 * How a pulled version of a record changes the stored one, where it does not simply replace the value. Providers tell some records in parts.
 * `keep-known`: null leaves what is known. `keep-unless-empty`: an empty list leaves what is there. `add`: keys are added to a map.
 * `stay-true`: true is never taken back. `fixedOnce`: the value no longer changes once that field is true.
 */
export type PullRule = 'keep-known' | 'keep-unless-empty' | 'add' | 'stay-true' | { readonly fixedOnce: string };

/** One field of a record kind, or of an object within one. */
export interface Field<T = unknown> {
  readonly value: ValueType;
  /** `required`: a record is not whole without it. `optional`: null where nothing is known. */
  readonly presence: 'required' | 'optional' | 'defaulted';
  /** With `defaulted`: what stands where nothing was given, or null was. */
  readonly fallback?: boolean | readonly [] | Readonly<Record<string, never>>;
  /** For callers, in Markdown. */
  readonly description?: string;
  readonly example?: unknown;
  readonly whenPulled?: PullRule;
  /** Never set: carries the type of the value. */
  readonly is?: T;
}

/** The TypeScript type of a record's or an object's fields. */
export type FieldTypes<Fields extends FieldMap> = {
  readonly [Name in keyof Fields]: Fields[Name] extends Field<infer T> ? T : never;
};

/** What a field says besides what its value is. */
interface About {
  readonly description?: string;
  readonly example?: unknown;
  readonly whenPulled?: PullRule;
}

const optional = <T>(value: ValueType, about: About = {}): Field<T | null> => ({
  value,
  presence: 'optional',
  ...about,
});

/** A record is not whole without it. */
export const required = <T>(field: Field<T | null>): Field<T> => ({ ...field, presence: 'required' }) as Field<T>;

/** Never null: what is left out or cleared becomes `fallback`. */
export const defaulted = <T>(field: Field<T | null>, fallback: NonNullable<Field['fallback']>): Field<T> =>
  ({ ...field, presence: 'defaulted', fallback }) as Field<T>;

/** Text of any script. */
export const text = ({ minLength, maxLength, ...about }: Omit<TextType, 'type'> & About) =>
  optional<string>({ type: 'text', maxLength, ...(minLength !== undefined && { minLength }) }, about);

export const email = () => optional<string>({ type: 'email', maxLength: 512 });

export const sourceIdOf = (of: string, about?: About) => optional<string>({ type: 'source-id', of }, about);

export const recordIdOf = (of: string, about?: About) => optional<RecordId>({ type: 'record-id', of }, about);

export const amount = ({ min, ...about }: { readonly min?: number } & About = {}) =>
  optional<number>({ type: 'amount', ...(min !== undefined && { min }) }, about);

export const decimal = (about?: About) => optional<string>({ type: 'decimal' }, about);

export const currency = () => optional<string>({ type: 'currency' });

export const boolean = (about?: About) => optional<boolean>({ type: 'boolean' }, about);

export const instant = (about?: About) => optional<string>({ type: 'instant' }, about);

/** `type` is shared by every field, filter and query that takes the same words. */
export const word = <const Type extends WordType>(type: Type, about?: About) =>
  optional<Type['words'][number]>(type, about);

export const object = <const Fields extends FieldMap>(
  type: Omit<ObjectType, 'type' | 'fields'> & { readonly fields: Fields },
  about?: About,
) => optional<FieldTypes<Fields>>({ type: 'object', ...type }, about);

/** An empty list where there is none. */
export const listOf = <T>(
  item: Field<T | null>,
  { maxItems, maxBytes, ...about }: Omit<ListType, 'type' | 'item'> & About,
): Field<readonly T[]> =>
  defaulted(
    optional({ type: 'list', item: item.value, maxItems, ...(maxBytes !== undefined && { maxBytes }) }, about),
    [],
  );

/** URLs of http or https. */
export const urls = (limits: { readonly maxItems: number } & About) =>
  listOf<string>(optional({ type: 'url', maxLength: 2_048 }), limits);

/** What a venue or a provider keeps with a record: names and texts. Empty where there is none. */
export const metadata = ({ maxKeys = 50, ...about }: { readonly maxKeys?: number } & About = {}) =>
  defaulted<Readonly<Record<string, string>>>(optional({ type: 'string-map', maxKeys }, about), {});
