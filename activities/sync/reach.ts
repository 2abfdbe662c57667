import type { FieldMapping } from '../../domain/mapping/field-mapping.ts';
import { excludedSamples, withoutExcluded, withoutPlaces } from '../../domain/reach/field-reach.ts';
import { ProviderError } from '../../providers/provider-error.ts';
import type {
  BatchOutcome,
  BulkRetrieval,
  MappableRecord,
  MappedRecord,
  ProviderPage,
  ProviderRecord,
  RecordRefs,
  ResourceMapping,
  ResourceSession,
  ResourceWriter,
} from '../../providers/provider.ts';
import type { RecordKind } from '../../records/record-kind.ts';
import { zoneAt } from '../../domain/schedule/earlier-zones.ts';
import type { VenueZones } from '../../domain/schedule/earlier-zones.ts';

/** What a connection leaves out of the records of one kind. */
export interface ExcludedFields {
  readonly kind: RecordKind;
  readonly excluded: readonly string[];
}

/** A provider's record, which tells nothing of the fields that are left out. */
export function recordWithin<Told extends ProviderRecord>(record: Told, { kind, excluded }: ExcludedFields): Told {
  if (excluded.length === 0) return record;
  return {
    ...record,
    fields: record.fields && withoutExcluded(kind, record.fields, excluded),
    ...(record.refs && { refs: refsWithin(record.refs, { kind, excluded }) }),
    ...(record.listRefs && {
      listRefs: Object.fromEntries(
        Object.entries(record.listRefs).filter(([name]) => !excluded.includes(kind.listReferences[name]?.list ?? '')),
      ),
    }),
  };
}

const refsWithin = (refs: RecordRefs, { kind, excluded }: ExcludedFields): RecordRefs =>
  Object.fromEntries(
    Object.entries(refs).map(([name, externalId]) => [
      name,
      excluded.includes(kind.references[name]?.field ?? '') ? null : externalId,
    ]),
  );

/** The session, which tells nothing of the fields that are left out. */
export function sessionWithin(session: ResourceSession, reach: ExcludedFields): ResourceSession {
  if (reach.excluded.length === 0) return session;
  const names = new Set(reach.excluded);
  const within = <Told extends ProviderRecord>(record: Told): Told => recordWithin(record, reach);
  const amendmentWithin = (amendment: object) =>
    Object.fromEntries(Object.entries(amendment).filter(([name]) => !names.has(name)));
  const pageWithin = (page: ProviderPage): ProviderPage => ({
    ...page,
    records: page.records.map((record) => within(record)),
    ...(page.amendments && { amendments: page.amendments.map(amendmentWithin) }),
  });
  return {
    ...session,
    listPage: async (query) => pageWithin(await session.listPage(query)),
    retrieve: lookUpWithin((externalId) => session.retrieve(externalId), within),
    ...(session.retrieveMany && { retrieveMany: retrievalWithin(session.retrieveMany, within) }),
    ...(session.retrieveAmended && { retrieveAmended: lookUpWithin(session.retrieveAmended, within) }),
    writer: session.writer && writerWithin(session.writer, within),
  };
}

type LookUp = ResourceSession['retrieve'];

const lookUpWithin =
  (lookUp: LookUp, within: <Told extends ProviderRecord>(record: Told) => Told): LookUp =>
  async (id) => {
    const record = await lookUp(id);
    return record && within(record);
  };

const retrievalWithin = (
  { size, read }: BulkRetrieval,
  within: <Told extends ProviderRecord>(record: Told) => Told,
): BulkRetrieval => ({
  size,
  async read(externalIds) {
    const found = await read(externalIds);
    return { ...found, records: found.records.map((record) => within(record)) };
  },
});

/** The writer, whose answers tell nothing of them either: what a provider answers is stored as its side of an agreement. */
function writerWithin(
  writer: ResourceWriter,
  within: <Told extends ProviderRecord>(record: Told) => Told,
): ResourceWriter {
  const { batch, findMany } = writer;
  const outcomes = (all: readonly BatchOutcome[]) =>
    all.map((one) => (one instanceof ProviderError ? one : within(one)));
  return {
    ...writer,
    create: async (mapped, options) => within(await writer.create(mapped, options)),
    update: async (externalId, mapped, options) => within(await writer.update(externalId, mapped, options)),
    findRemote: async (hint) => {
      const search = await writer.findRemote(hint);
      return { ...search, found: search.found && within(search.found) };
    },
    ...(findMany && {
      findMany: {
        ...findMany,
        find: async (hints) =>
          new Map([...(await findMany.find(hints))].map(([id, record]) => [id, record && within(record)])),
      },
    }),
    ...(batch && {
      batch: {
        ...batch,
        create: async (records, options) => outcomes(await batch.create(records, options)),
        update: async (records, options) => outcomes(await batch.update(records, options)),
      },
    }),
  };
}

/** What a connection leaves out of records, and the time zones of its venue. */
export interface MappingReach extends ExcludedFields {
  readonly zones?: VenueZones;
}

/** The mapping, whose payloads have days of the venue's: those of the zone that it had when a record was first written. */
const mappingIn = (mapping: ResourceMapping, zones: VenueZones): ResourceMapping => ({
  ...mapping,
  timeZoneOf: (linkedAt) => zoneAt(zones, linkedAt),
  toPayload: (record) => mapping.toPayload({ ...record, timeZone: zoneAt(zones, record.linkedAt) }),
});

/** The mapping, whose payloads neither send nor clear the fields that are left out. */
export function mappingWithin(own: ResourceMapping, { kind, excluded, zones }: MappingReach): ResourceMapping {
  const mapping = zones === undefined ? own : mappingIn(own, zones);
  if (excluded.length === 0) return mapping;
  const samples = excludedSamples(kind, excluded);
  const payloadOf = (fields: MappableRecord['fields']) =>
    mapping.toPayload({ id: '00000000-0000-7000-8000-000000000000', sourceId: 'sample', fields }).payload;
  const [without, filled] = [payloadOf(samples.without), payloadOf(samples.filled)];
  const isLeftOut = (path: string) => excluded.includes(path.split('.', 1).join());
  return {
    ...mapping,
    toPayload(record): MappedRecord {
      const mapped = mapping.toPayload({
        ...record,
        fields: withoutExcluded(kind, record.fields, excluded),
        ...(record.refs && { refs: refsWithin(record.refs, { kind, excluded }) }),
      });
      return {
        ...mapped,
        payload: withoutPlaces(mapped.payload, without, filled),
        problems: mapped.problems.filter(({ path }) => !isLeftOut(path)),
        excluded,
      };
    },
  };
}

/** The venue's mapping, under which a pull leaves the stored values of those fields as they are. */
export const fieldMappingWithin = (fieldMapping: FieldMapping, { excluded }: ExcludedFields): FieldMapping =>
  excluded.length === 0
    ? fieldMapping
    : { ...fieldMapping, kept: { ...fieldMapping.kept, fields: [...fieldMapping.kept.fields, ...excluded] } };
