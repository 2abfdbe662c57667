import type { Field, FieldMap, FieldTypes } from './field.ts';

/** How the reference calls the records of one kind. */
export interface RecordWords {
  /** In names of operations and schemas. */
  readonly one: string;
  readonly many: string;
  /** In sentences, with its article. */
  readonly a: string;
  readonly several: string;
}

/** A filter of the list, on one field. The end of a range of time is not part of it. */
export interface RecordFilterRule {
  readonly by: 'equal' | 'from' | 'before';
  readonly field: string;
}

/** A provider's id of another record, as adapters tell it under a name in `refs`. */
export interface ReferenceRule {
  /** The kind of the record that is named. */
  readonly to: string;
  /** The field that holds our own id of that record once it is there; null for an id that only amendments are found by. */
  readonly field: string | null;
}

/** A provider's ids of other records that the elements of a list name, such as the product of an invoice's line. */
export interface ListReferenceRule {
  /** The kind of the records that are named. */
  readonly to: string;
  /** The list. */
  readonly list: string;
  /** The field of an element that holds our own id of the record. */
  readonly field: string;
}

/** What other objects of a provider tell of records of this kind, such as an invoice of its payment. */
export interface AmendmentRule {
  /** The reference by which the amended records are found. */
  readonly reference: string;
  /** Which of the records with that reference are amended. */
  readonly where: Readonly<Record<string, string>>;
  /** What is told; a value is laid over the stored one as `whenPulled` says. */
  readonly fields: readonly string[];
}

/** What a kind of record is. Schemas, SQL, the API, filters, documentation and tests are derived from it. */
export interface RecordKind<Fields extends FieldMap = FieldMap> {
  /** In paths, and wherever a resource is named. */
  readonly name: string;
  readonly table: string;
  readonly words: RecordWords;
  /** The name of a record's id in paths, such as `invoiceId`. */
  readonly idName: string;
  /** For readers of the documentation. */
  readonly description: string;
  /** In the order in which answers show them. */
  readonly fields: Fields;
  readonly filters: Readonly<Record<string, RecordFilterRule>>;
  readonly references: Readonly<Record<string, ReferenceRule>>;
  readonly listReferences: Readonly<Record<string, ListReferenceRule>>;
  /** Fields of which a record has all or none. */
  readonly together: readonly (readonly string[])[];
  /** Fields that a merge takes from one side as a whole, `together` among them. */
  readonly mergedAsOne: readonly (readonly string[])[];
  /** Times by which a venue's records are searched, each with an index. */
  readonly indexed: readonly string[];
  /** Texts by which a venue's records are looked up without regard to case, each with an index and a function. */
  readonly lookedUpBy: readonly string[];
  readonly amendments: AmendmentRule | null;
}

/** The TypeScript type of the fields of one kind. */
export type FieldsOf<Kind extends RecordKind> = FieldTypes<Kind['fields']>;

/** The fields of a record of whatever kind. */
export type RecordFields = Readonly<Record<string, unknown>>;

type NameIn<Fields> = keyof Fields & string;

interface Definition<Fields extends FieldMap> {
  readonly name: string;
  /** Left out where the table is called as the kind is. */
  readonly table?: string;
  readonly words: RecordWords;
  readonly idName: string;
  readonly description: string;
  readonly fields: Fields;
  readonly filters?: Readonly<Record<string, RecordFilterRule & { readonly field: NameIn<Fields> }>>;
  /** By the name under which adapters tell the provider's id: the field that it is resolved into, or the kind alone. */
  readonly references?: Readonly<Record<string, NameIn<Fields> | { readonly to: string }>>;
  /** By the name under which adapters tell the provider's ids: the list and the field of its elements. No other reference has the name. */
  readonly listReferences?: Readonly<Record<string, { readonly list: NameIn<Fields>; readonly field: string }>>;
  readonly together?: readonly (readonly NameIn<Fields>[])[];
  /** Besides `together`. */
  readonly mergedAsOne?: readonly (readonly NameIn<Fields>[])[];
  readonly indexed?: readonly NameIn<Fields>[];
  readonly lookedUpBy?: readonly NameIn<Fields>[];
  readonly amendments?: AmendmentRule & { readonly fields: readonly NameIn<Fields>[] };
}

export function defineRecordKind<const Fields extends FieldMap>(definition: Definition<Fields>): RecordKind<Fields> {
  const { name, table = name, references = {}, listReferences = {}, filters = {} } = definition;
  const { together = [], mergedAsOne = [], indexed = [], lookedUpBy = [] } = definition;
  return {
    ...definition,
    ...{ table, filters, together, indexed, lookedUpBy },
    mergedAsOne: [...together, ...mergedAsOne],
    references: Object.fromEntries(
      Object.entries(references).map(([reference, rule]) => [
        reference,
        typeof rule === 'string' ? { to: kindNamedBy(definition, rule), field: rule } : { ...rule, field: null },
      ]),
    ),
    listReferences: Object.fromEntries(
      Object.entries(listReferences).map(([reference, rule]) => {
        if (reference in references) throw new Error(`${name} has two references called ${reference}`);
        return [reference, { ...rule, to: kindNamedInside(definition, rule) }];
      }),
    ),
    amendments: definition.amendments ?? null,
  };
}

function kindNamedBy({ name, fields }: { readonly name: string; readonly fields: FieldMap }, field: string): string {
  const value = fields[field]?.value;
  if (value?.type !== 'source-id' && value?.type !== 'record-id')
    throw new Error(`${name}.${field} names no record: a reference needs a field that does`);
  return value.of;
}

function kindNamedInside(
  { name, fields }: { readonly name: string; readonly fields: FieldMap },
  { list, field }: { readonly list: string; readonly field: string },
): string {
  const value = fields[list]?.value;
  const inside = value?.type === 'list' && value.item.type === 'object' ? value.item.fields[field]?.value : undefined;
  if (inside?.type !== 'source-id') throw new Error(`${name}.${list} has no field ${field} that names a record`);
  return inside.of;
}

/** Filters that a field has to equal, under the fields' own names. */
export const equalTo = <const Name extends string>(...fields: readonly Name[]) =>
  Object.fromEntries(fields.map((field) => [field, { by: 'equal', field }])) as Readonly<
    Record<Name, { readonly by: 'equal'; readonly field: Name }>
  >;

/** `occurredFrom` and `occurredTo`, for a field `occurredAt`. */
export const within = <const Name extends string>(field: `${Name}At`) => {
  const stem = field.replace(/At$/, '');
  return { [`${stem}From`]: { by: 'from', field }, [`${stem}To`]: { by: 'before', field } } as Readonly<
    Record<`${Name}From`, { readonly by: 'from'; readonly field: `${Name}At` }> &
      Record<`${Name}To`, { readonly by: 'before'; readonly field: `${Name}At` }>
  >;
};

/** The fields of a kind with their names. */
export const fieldsOf = ({ fields }: RecordKind): readonly (readonly [string, Field])[] => Object.entries(fields);

/** As in a sentence: `invoice`. */
export const singularOf = ({ words }: RecordKind): string => words.a.replace(/^an? /, '');
