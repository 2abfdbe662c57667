import type { ListReferenceRule, RecordFields } from '../../records/record-kind.ts';

/**
 * The provider's ids of the records that the elements of a record's lists name, by the names of its kind and in the
 * order of the elements; null for an element that names none.
 */
export type ListReferences = Readonly<Record<string, readonly (string | null)[]>>;

/** The references inside the lists of one kind. */
export type ListReferenceRules = Readonly<Record<string, ListReferenceRule>>;

/** Translates between our ids of the records that lists name and the provider's. `to` is the kind that is named. */
export interface ListNaming {
  readonly rules: ListReferenceRules;
  /** Null where the connection knows none. */
  readonly externalIdOf: (to: string, sourceId: string) => string | null;
  readonly sourceIdOf: (to: string, externalId: string) => string;
}

/** Our ids that the elements of the lists name, with the kind of each. */
export const namedInLists = (
  rules: ListReferenceRules,
  fields: RecordFields,
): readonly { readonly to: string; readonly sourceId: string }[] =>
  Object.values(rules).flatMap(({ to, list, field }) =>
    elementsOf(fields, list).flatMap((element) => {
      const sourceId = sourceIdIn(element, field);
      return sourceId === null ? [] : [{ to, sourceId }];
    }),
  );

/** The provider's ids of the records that the lists of these fields name. */
export const listReferencesIn = (
  { rules, externalIdOf }: Pick<ListNaming, 'rules' | 'externalIdOf'>,
  fields: RecordFields,
): ListReferences =>
  Object.fromEntries(
    Object.entries(rules).map(([name, { to, list, field }]) => [
      name,
      elementsOf(fields, list).map((element) => {
        const sourceId = sourceIdIn(element, field);
        return sourceId === null ? null : externalIdOf(to, sourceId);
      }),
    ]),
  );

/** A reading's fields, with our own ids of the records that its lists name. */
export function withOwnIdsInLists(
  { rules, sourceIdOf }: Pick<ListNaming, 'rules' | 'sourceIdOf'>,
  fields: RecordFields,
  told: ListReferences,
): RecordFields {
  const lists: Record<string, unknown> = {};
  for (const [name, { to, list, field }] of Object.entries(rules)) {
    const ids = told[name];
    if (ids === undefined || !Array.isArray(fields[list])) continue;
    lists[list] = elementsOf({ ...fields, ...lists }, list).map((element, index) => {
      const externalId = ids[index] ?? null;
      return externalId === null ? element : { ...element, [field]: sourceIdOf(to, externalId) };
    });
  }
  return { ...fields, ...lists };
}

const elementsOf = (fields: RecordFields, list: string): readonly RecordFields[] => {
  const elements = fields[list];
  return Array.isArray(elements) ? (elements as readonly RecordFields[]) : [];
};

const sourceIdIn = (element: RecordFields, field: string): string | null => {
  const sourceId = element[field];
  return typeof sourceId === 'string' ? sourceId : null;
};
