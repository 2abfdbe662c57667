import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Direction } from '../../../contracts/providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { hasUntoldParts } from '../../../domain/mapping/kept-fields.ts';
import { pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import { excludedSamples } from '../../../domain/reach/field-reach.ts';
import { createPipeline } from '../../../providers/http/pipeline.ts';
import type { ProviderRecord, ResourceMapping, ResourceSession } from '../../../providers/provider.ts';
import { PROVIDERS } from '../../../providers/registry.ts';
import { capabilitiesOf } from '../../../providers/kit/define-provider.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { RecordFields, RecordKind } from '../../../records/record-kind.ts';
import { listRecords } from '../../support/list-records.ts';
import { adapterOf, MadeUpLists, setUpOf } from '../../support/made-up/made-up-lists.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const providers = createTestProviders({}, {} as never);
const PULLED = PROVIDERS.flatMap((definition) =>
  capabilitiesOf(definition).resources.flatMap(({ resource, directions }) =>
    directions
      .filter((direction) => direction !== 'push')
      .map((direction) => [definition.id, resource, direction] as const),
  ),
);

/** What the provider of the test tells, under the mapping of the provider that is walked. */
let told: { readonly mapping: ResourceMapping; readonly record: ProviderRecord };
const session: ResourceSession = {
  listPage: () =>
    Promise.resolve({
      ...{ records: [told.record], after: null, pageSize: 10 },
      positions: [{ id: told.record.externalId, atEpochS: null }],
    }),
  count: () => Promise.resolve(1),
  versionOf: (askedAtMs) => askedAtMs,
  retrieve: () => Promise.resolve(told.record),
  writer: null,
};

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let venue: TestVenue;
beforeAll(async () => {
  const adapter = adapterOf(new MadeUpLists());
  world = await createSyncWorld({
    providersOn: (budget) =>
      createPipeline({
        budget,
        providers: [
          setUpOf({
            ...adapter,
            open: (options) => ({ ...adapter.open(options), resource: () => session }),
            mapping: () => told.mapping,
            pullPlan: () => ({
              ...{
                listing: [[pageCursor('all', { afterExpiry: { from: 'start' } })]],
                changes: null,
                mayVanish: false,
              },
            }),
          }),
        ],
      }),
  });
});
afterAll(() => world.close());

const stored = async (kind: RecordKind): Promise<RecordFields> => {
  const page = { filter: { includeDeleted: false }, page: { limit: 5, after: null } };
  const { data } = await listRecords(createRecordStore(world.database.db, kind), venue.venueId, page);
  expect(data).toHaveLength(1);
  return data[0] as unknown as RecordFields;
};

/** Reads until nothing is left to read; a two-way run has nobody to write to here. */
async function read(resource: string, direction: Direction): Promise<void> {
  const input = await world.open(venue, direction, 'full', { resource });
  await world.begin(input);
  await world.chunk(input).catch(() => undefined);
  await world.finish(input, 'cancelled');
}

const linked = async () => {
  const [link] = await world.database.admin<{ external_id: string }[]>`
    select external_id from record_links where connection_id = ${venue.connectionId}`;
  return link?.external_id;
};

const pathsInConflict = async () => {
  const rows = await world.database.admin<{ fields: { field: string }[] }[]>`
    select fields from merge_conflicts where venue_id = ${venue.venueId}`;
  return rows.flatMap(({ fields }) => fields.map(({ field }) => field));
};

/** How much of a field's stored value a reading without a value leaves; undefined where the kind itself says it. */
function keptOf(
  kind: RecordKind,
  { holdings = {} }: ResourceMapping,
  name: string,
): 'all' | 'some' | 'none' | undefined {
  const holding = holdings[name];
  if (holding === 'nothing' || holding === 'when-set') return 'all';
  // Of a list without items no part is left to keep.
  if (holding !== undefined && !hasUntoldParts(holding)) return 'some';
  return kind.fields[name]?.whenPulled === undefined ? 'none' : undefined;
}

describe.each(PULLED)('of a record that %s tells with nothing in it, a %s run (%s)', (id, resource, direction) => {
  const kind = RECORD_KINDS.get(resource);
  const mapping = providers.find(id)!.mapping(resource);
  const named = new Set(Object.values(kind.references).map(({ field }) => field));
  const optional = Object.keys(kind.fields).filter(
    (name) => kind.fields[name]?.presence !== 'required' && !named.has(name),
  );

  it('changes what the provider holds, and nothing else', async () => {
    venue = await world.aVenue();
    const { without, filled } = excludedSamples(kind, optional);
    const full: RecordFields = {
      ...filled,
      metadata: { ...(filled['metadata'] as object), square_old: 'told before' },
    };
    await createRecordStore(world.database.db, kind as never).upsertMany(venue.venueId, [
      { sourceId: 's-1', ...full } as never,
    ]);
    const { id: recordId } = (await stored(kind)) as unknown as { readonly id: string };
    told = {
      mapping,
      record: { externalId: 'x-1', version: 1, deleted: false, recordId, fields: without },
    };
    await read(resource, direction);
    expect(await linked()).toBe('x-1');
    const after = await stored(kind);
    for (const name of optional) {
      const kept = keptOf(kind, mapping, name);
      if (kept === 'all') expect([name, after[name]]).toEqual([name, full[name]]);
      else if (kept === 'some') expect([name, after[name]]).toMatchObject([name, filled[name] as object]);
      // A two-way run leaves to a person what differs at a first meeting.
      else if (kept === 'none' && direction === 'pull') expect([name, after[name]]).toEqual([name, without[name]]);
    }
    const conflicts = await pathsInConflict();
    for (const name of optional) {
      if (keptOf(kind, mapping, name) === 'all') expect(conflicts).not.toContain(name);
      if (keptOf(kind, mapping, name) === 'some') expect(conflicts).not.toContain(`${name}.sample`);
    }
  });
});
