import type { RecordId, VenueId } from '../../contracts/ids.ts';
import type { RecordStores, StoredRecord } from '../../db/records/record-store.ts';
import { createFieldMapping, expressionInput } from '../../domain/mapping/field-mapping.ts';
import type { MappingDefinition, MappingProblem } from '../../domain/mapping/mapping.ts';
import type { Expressions } from '../../expressions/expressions.ts';
import type { ResourceMapping } from '../../providers/provider.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { recordNotFound } from '../errors/not-found.ts';

/** Records that are shown when none is named. */
const SHOWN_BY_DEFAULT = 5;

export interface PreviewDeps {
  readonly records: RecordStores;
  readonly expressions: Pick<Expressions, 'evaluate'>;
}

export interface Previewing {
  readonly kind: RecordKind;
  readonly definition: MappingDefinition;
  /** The provider's own. */
  readonly mapping: ResourceMapping;
  readonly venueId: VenueId;
  readonly recordIds: readonly RecordId[] | undefined;
}

export interface PreviewedRecord {
  readonly recordId: RecordId;
  readonly sourceId: string;
  readonly sent: RecordFields;
  readonly payload: RecordFields;
  readonly readBack: RecordFields;
  readonly problems: readonly MappingProblem[];
}

/** What a definition makes of records. Writes to neither side. Throws the 404 of a record that is not there. */
export async function previewMapping(deps: PreviewDeps, previewing: Previewing): Promise<readonly PreviewedRecord[]> {
  const { kind, definition, mapping } = previewing;
  const fieldMapping = createFieldMapping(kind, { version: 0, definition }, mapping.holdings);
  const records = (await recordsOf(deps, previewing)).map((record) => ({
    record,
    fields: fieldsOfRecord(kind, record),
  }));
  const results = await deps.expressions.evaluate(
    fieldMapping.expressions,
    records.map(({ record: { sourceId }, fields }) => expressionInput({ sourceId, fields })),
  );
  return records.map(({ record: { id, sourceId }, fields }, index) => {
    const sent = fieldMapping.toProvider({ sourceId, fields }, results[index] ?? []);
    const { payload, problems } = mapping.toPayload({ id, sourceId, fields: sent.fields });
    const read = fieldMapping.toVenue(sent.fields);
    return {
      ...{ recordId: id, sourceId, sent: sent.fields, payload, readBack: read.fields },
      problems: [...sent.problems, ...problems, ...read.problems],
    };
  });
}

async function recordsOf(
  { records }: PreviewDeps,
  { kind, venueId, recordIds }: Previewing,
): Promise<readonly StoredRecord[]> {
  const store = records.of(kind);
  if (recordIds === undefined) {
    const { data } = await store.list(venueId, { includeDeleted: false }, { limit: SHOWN_BY_DEFAULT, after: null });
    return data.map((json) => JSON.parse(json) as StoredRecord);
  }
  const found = await Promise.all(recordIds.map((id) => store.find(venueId, id)));
  return found.map((record) => {
    if (!record) throw recordNotFound(kind);
    return record;
  });
}

const fieldsOfRecord = ({ fields }: RecordKind, record: StoredRecord): RecordFields =>
  Object.fromEntries(Object.keys(fields).map((name) => [name, record[name]]));
