import type { PushRow } from '../../db/push/push-store.ts';
import { expressionInput } from '../../domain/mapping/field-mapping.ts';
import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { MappingProblem } from '../../domain/mapping/mapping.ts';
import { withPaths } from '../../domain/sync/merge/agreed-version.ts';
import { flatten } from '../../domain/sync/merge/flat-fields.ts';
import type { Expressions } from '../../expressions/expressions.ts';

/** A record whose `fields` are those that the provider's adapter sends. */
export interface MappedRow extends PushRow {
  /** Absent under the default mapping. */
  readonly mappingProblems?: readonly MappingProblem[];
  /** How the two sides of an agreement are told in the venue's fields. Absent under the default mapping. */
  readonly venueSide?: {
    readonly fields: PushRow['fields'];
    readonly read: FieldMapping['toVenue'];
  };
  /** What a two-way run knows that the provider's object holds. Absent where it does not know every field. */
  readonly atProvider?: PushRow['fields'];
}

export interface RowMapping {
  readonly fieldMapping: FieldMapping;
  readonly expressions: Pick<Expressions, 'evaluate'>;
}

/** Applies the venue's field mapping to a page of records. */
export async function mapRows(
  rows: readonly PushRow[],
  { fieldMapping, expressions }: RowMapping,
): Promise<readonly MappedRow[]> {
  const results =
    fieldMapping.expressions.length === 0
      ? []
      : await expressions.evaluate(fieldMapping.expressions, rows.map(expressionInput));
  return rows.map((row, index) => {
    const { fields, problems } = fieldMapping.toProvider(row, results[index] ?? []);
    // Under another mapping the provider's side is known in the venue's fields only.
    const known = fieldMapping.version === 0 ? atProvider(row) : null;
    return {
      ...{ ...row, fields, mappingProblems: problems },
      venueSide: { fields: row.fields, read: fieldMapping.toVenue },
      ...(known && { atProvider: known }),
    };
  });
}

/** The agreed side, with the provider's values where a person has to decide; null when a field is unknown. */
function atProvider({ fields, merging }: PushRow): PushRow['fields'] | null {
  if (merging === null) return null;
  const { held, maps, agreed } = merging;
  if (Object.keys(merging.own).some((name) => agreed.provider[name] === undefined)) return null;
  const flat = flatten(fields, maps);
  return withPaths(agreed.provider, Object.fromEntries(held.map((path) => [path, flat.get(path) ?? null])), maps);
}
