import type { PushRow } from '../../../db/push/push-store.ts';
import { expressionInput } from '../../../domain/mapping/field-mapping.ts';
import type { FieldMapping, VenueRecord } from '../../../domain/mapping/field-mapping.ts';
import type { ExpressionResult, MappingProblem } from '../../../domain/mapping/mapping.ts';
import { withPaths } from '../../../domain/sync/merge/agreed-version.ts';
import { flatten, isSame } from '../../../domain/sync/merge/flat-fields.ts';
import type { Expressions } from '../../../expressions/expressions.ts';

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
  /**
   * `atProvider` is what the venue's mapping makes of the agreement. What the mapping never reads back may have changed at
   * the provider since, which only the fingerprint tells.
   */
  readonly isDerived?: boolean;
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
  const evaluate = (records: readonly VenueRecord[]) =>
    fieldMapping.expressions.length === 0
      ? Promise.resolve([])
      : expressions.evaluate(fieldMapping.expressions, records.map(expressionInput));
  const results = await evaluate(rows);
  const earlier = rows.map(agreedSides);
  const changed = rows.flatMap((row, index) => earlierRecord(row, earlier[index] ?? null) ?? []);
  const earlierResults = new Map((await evaluate(changed)).map((result, index) => [changed[index]?.sourceId, result]));
  return rows.map((row, index) => {
    const { fields, problems } = fieldMapping.toProvider(row, results[index] ?? []);
    const known = earlier[index] ?? null;
    const venueSide = { fields: row.fields, read: fieldMapping.toVenue };
    const mapped = { ...row, fields, mappingProblems: problems, venueSide };
    if (known === null) return mapped;
    const held = earlierResults.get(row.sourceId) ?? results[index] ?? [];
    return { ...mapped, ...atProvider(row, known, { fieldMapping, held }) };
  });
}

interface HeldResults extends Pick<RowMapping, 'fieldMapping'> {
  /** Of the expressions, when the record was sent last. */
  readonly held: readonly ExpressionResult[];
}

function atProvider(
  { sourceId }: PushRow,
  { venue, provider }: AgreedSides,
  { fieldMapping, held }: HeldResults,
): Pick<MappedRow, 'atProvider' | 'isDerived'> {
  if (fieldMapping.version === 0) return { atProvider: provider };
  if (venue === null && fieldMapping.expressions.length > 0) return {};
  const sent = fieldMapping.toProvider({ sourceId, fields: provider }, held);
  return sent.problems.length === 0 ? { atProvider: sent.fields, isDerived: true } : {};
}

/** Both sides of an agreement, in the venue's fields. */
interface AgreedSides {
  /** Null when a field is unknown. */
  readonly venue: PushRow['fields'] | null;
  /** With the provider's values where a person has to decide. */
  readonly provider: PushRow['fields'];
}

/** Null when a field of the provider's side is unknown. */
function agreedSides({ fields, merging }: PushRow): AgreedSides | null {
  if (merging === null) return null;
  const { held, maps, agreed } = merging;
  const isKnown = (side: PushRow['fields']) => Object.keys(merging.own).every((name) => side[name] !== undefined);
  if (!isKnown(agreed.provider)) return null;
  const flat = flatten(fields, maps);
  const heldValues = Object.fromEntries(held.map((path) => [path, flat.get(path) ?? null]));
  return { venue: isKnown(agreed.venue) ? agreed.venue : null, provider: withPaths(agreed.provider, heldValues, maps) };
}

/** The record of which the expressions were sent last; null where it is the present one, or unknown. */
function earlierRecord({ sourceId, merging }: PushRow, sides: AgreedSides | null): VenueRecord | null {
  if (merging === null || sides?.venue == null || isSame(sides.venue, merging.own)) return null;
  return { sourceId, fields: sides.venue };
}
