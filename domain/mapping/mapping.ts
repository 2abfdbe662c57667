import type { Direction } from '../../contracts/providers.ts';
import type { MergePolicy } from '../../contracts/records.ts';
import type { RecordFields } from '../../records/record-kind.ts';
import type { ResultType } from './value-type.ts';

/** A value that a value map translates to. */
export type MappedValue = string | number | boolean;

/**
 * One rule of a field mapping. `target` is a field as the provider's adapter takes it, `source` a field of the venue's
 * record. Both have the names of the record's kind.
 */
export interface MappingRule {
  readonly target: string;
  readonly source?: string | undefined;
  /** JSONata over the venue's record, in place of `source`. It has no inverse, so a pull never writes back through it. */
  readonly expression?: string | undefined;
  /** The provider's value for each value of the venue's. */
  readonly values?: Readonly<Record<string, MappedValue>> | undefined;
  readonly direction: Direction;
  readonly policy: MergePolicy;
}

/** The rules of one connection and resource. Every field that no rule names is sent and read under its own name. */
export interface MappingDefinition {
  readonly fields: readonly MappingRule[];
  /** Of the fields that no rule names. Absent: `DEFAULT_POLICY`. */
  readonly policy?: MergePolicy | undefined;
  /** Of a record that one side deletes while the other changes it. Absent: `policy`. */
  readonly deletionPolicy?: MergePolicy | undefined;
}

/** Loses nothing: a person decides. */
export const DEFAULT_POLICY: MergePolicy = 'review';

/** The policies of a definition that are for no single field. */
export function policiesOf({ policy = DEFAULT_POLICY, deletionPolicy = policy }: MappingDefinition): {
  readonly policy: MergePolicy;
  readonly deletionPolicy: MergePolicy;
} {
  return { policy, deletionPolicy };
}

/** The definition without rules: version 0 of every mapping. */
export const DEFAULT_MAPPING: MappingDefinition = { fields: [] };

/** A field whose value a mapping cannot write. Names the field and the rule that it breaks, never the value. */
export interface MappingProblem {
  readonly path: string;
  readonly message: string;
}

export interface MappedFields {
  readonly fields: RecordFields;
  readonly problems: readonly MappingProblem[];
}

/** What is known of an expression before it is evaluated. */
export type ExpressionAnalysis =
  | {
      readonly ok: true;
      /** The names that it reads from the record itself. */
      readonly names: readonly string[];
      /** Null when only an evaluation tells. */
      readonly result: ResultType | null;
    }
  | { readonly ok: false; readonly message: string };

/** The outcome of one expression for one record. */
export type ExpressionResult =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** What a pull leaves as it is in a stored record: what no rule, no default and nothing at the provider writes. */
export interface KeptFields {
  readonly fields: readonly string[];
  /** Keys within a field that is a map or an object, by the field's name. */
  readonly keys: Readonly<Record<string, readonly string[]>>;
  /** Fields that are kept while the provider has no value for them. */
  readonly whileEmpty?: readonly string[];
  /** Maps of which a pull replaces only some keys, by the field's name. */
  readonly exceptKeys?: Readonly<Record<string, OwnKeys>>;
  /** Lists of whose items a pull keeps some parts, by the field's name. */
  readonly untoldParts?: Readonly<Record<string, UntoldParts>>;
}

/**
 * Keys of a map that are the provider's: those that begin with the prefix, or for null those that the last reading had,
 * and those that are named.
 */
export interface OwnKeys extends Omit<PrefixedKeys, 'prefix'> {
  readonly prefix: string | null;
  readonly named: readonly string[];
}

/** Keys of a map that an adapter makes of other facts of the provider. */
export interface PrefixedKeys {
  readonly prefix: string;
  /** Beginnings of keys that may change without the object's version, and that no write of ours changes. */
  readonly unversioned?: readonly string[];
}

/**
 * Parts of a list's items of which a null says nothing, because the provider does not tell them. What is stored of them
 * stays only while nothing that they follow from has changed.
 */
export interface UntoldParts {
  readonly untold: readonly string[];
  /** Fields of the record, and parts of the items in their order. */
  readonly follow: { readonly fields: readonly string[]; readonly parts: readonly string[] };
}

/**
 * How much of a field a provider holds, where it is not the whole field. `nothing`: it has no place for it. `when-set`:
 * an empty value says nothing, because the provider stores or tells only some values. `told`: of a map that is read and
 * never written, only keys that the provider has told. `prefix`: of a map, only keys that the adapter makes of other
 * facts of the provider, which begin so. `untold`: of a list, items without some parts.
 */
export type FieldHolding = 'nothing' | 'when-set' | 'told' | PrefixedKeys | UntoldParts;

/** Fields of a resource that a provider does not hold whole, by name. */
export type Holdings = Readonly<Record<string, FieldHolding>>;

export const NOTHING_KEPT: KeptFields = { fields: [], keys: {} };

/** Nothing is read back through the rule. */
export const isReadOnlyRule = ({ expression, source, direction }: MappingRule): boolean =>
  expression !== undefined || source === SOURCE_ID || direction === 'push';

/** The venue's own key of a record. A mapping may send it, and nothing changes it. */
export const SOURCE_ID = 'sourceId';
