import type { PushRow } from '../../db/push/push-store.ts';
import { expressionInput } from '../../domain/mapping/field-mapping.ts';
import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import type { MappingProblem } from '../../domain/mapping/mapping.ts';
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
    return { ...row, fields, mappingProblems: problems, venueSide: { fields: row.fields, read: fieldMapping.toVenue } };
  });
}
