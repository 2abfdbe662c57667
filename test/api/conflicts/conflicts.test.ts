import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { ConflictField } from '../../../contracts/conflicts.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { aConnection } from '../../db/builders.ts';
import { listRecords } from '../../support/list-records.ts';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: ConnectionId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = (await aConnection(api.database.db, venueId)).id;
  path = `/v1/venues/${venueId}/conflicts`;
});

const NAME: ConflictField = { field: 'name', agreed: 'Ada', venue: 'Venue', provider: 'Provider' };
const store = () => createRecordStore(api.database.db, customers);
const recordOf = async (sourceId: string) =>
  (
    await listRecords(store(), venueId, {
      filter: { includeDeleted: true, sourceId },
      page: { limit: 1, after: null },
    })
  ).data[0]!;

/** A linked record with a conflict, as a two-way run leaves it. */
async function aConflict({
  sourceId = 'c-1',
  connection = connectionId,
  kind = 'fields',
  fields = [NAME] as readonly ConflictField[],
} = {}): Promise<string> {
  await store().upsertMany(venueId, [{ sourceId, name: 'Venue', email: 'c@example.com', metadata: { colour: 'v' } }]);
  const { id: recordId, version } = await recordOf(sourceId);
  const id = uuidv7();
  await api.database.admin`
    insert into record_links (connection_id, resource, record_id, venue_id, external_id, record_version, state)
    values (${connection}, 'customers', ${recordId}, ${venueId}, ${`cus_${sourceId}`}, ${version}, 'linked')`;
  await api.database.admin`
    insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, external_id, kind, fields)
    values (${id}, ${venueId}, ${connection}, 'customers', ${recordId}, ${sourceId}, ${`cus_${sourceId}`}, ${kind}, ${api.database.admin.json(fields as never)})`;
  return id;
}
const resolve = (id: string, json: object, more: object = {}) =>
  api.send('POST', `${path}/${id}/resolve`, { json, ...more });

describe('the list of conflicts', () => {
  it('shows both sides’ values and the agreed one', async () => {
    const id = await aConflict();
    expect((await api.send('GET', path)).json.data).toEqual([
      {
        id,
        connectionId,
        resource: 'customers',
        recordId: (await recordOf('c-1')).id,
        sourceId: 'c-1',
        externalId: 'cus_c-1',
        kind: 'fields',
        fields: [NAME],
        state: 'open',
        resolution: null,
        syncId: null,
        foundAt: expect.any(String) as string,
        resolvedAt: null,
        resolvedBy: null,
      },
    ]);
  });

  it('filters by connection, resource and state, newest first, page by page', async () => {
    const other = (await aConnection(api.database.db, venueId)).id;
    const ids = [
      await aConflict(),
      await aConflict({ sourceId: 'c-2' }),
      await aConflict({ sourceId: 'c-3', connection: other }),
    ];
    await resolve(ids[0]!, { take: 'venue' });
    const listed = async (query: string) =>
      (await api.send('GET', `${path}?${query}`)).json.data.map(({ id }: { id: string }) => id);
    expect(await listed('')).toEqual([...ids].reverse());
    expect(await listed(`connectionId=${other}`)).toEqual([ids[2]]);
    expect(await listed('state=open')).toEqual([ids[2], ids[1]]);
    expect(await listed('state=resolved')).toEqual([ids[0]]);
    expect(await listed('resource=products')).toEqual([]);
    const first = await api.send('GET', `${path}?limit=2`);
    expect(first.json.data).toHaveLength(2);
    expect(await listed(`limit=2&cursor=${String(first.json.nextCursor)}`)).toEqual([ids[0]]);
  });

  it('refuses a resource that is no kind of record', async () => {
    const answer = await api.send('GET', `${path}?resource=customer`);
    expect([answer.status, answer.json.errors]).toMatchObject([400, [{ path: 'resource' }]]);
  });

  it('is empty for another venue, whose conflicts cannot be resolved either', async () => {
    const id = await aConflict();
    const elsewhere = `/v1/venues/${await api.aVenue()}/conflicts`;
    expect((await api.send('GET', elsewhere)).json.data).toEqual([]);
    expect(await api.send('POST', `${elsewhere}/${id}/resolve`, { json: { take: 'venue' } })).toMatchObject({
      status: 404,
      json: { code: 'conflict-not-found' },
    });
    expect((await api.send('GET', path)).json.data).toMatchObject([{ state: 'open' }]);
  });
});

describe('resolving a conflict', () => {
  it.each([
    ['venue', undefined, 'Venue'],
    ['provider', undefined, 'Provider'],
    ['values', { name: 'Chosen' }, 'Chosen'],
  ] as const)('takes %s', async (take, values, name) => {
    const id = await aConflict();
    const answer = await resolve(id, { take, ...(values && { values }) });
    expect(answer).toMatchObject({ status: 200, json: { id, state: 'resolved', resolution: take } });
    expect(await recordOf('c-1')).toMatchObject({ name, email: 'c@example.com', metadata: { colour: 'v' } });
    const [audit] = await api.database.admin<{ details: object }[]>`
      select details from audit_log where venue_id = ${venueId} and action = 'conflict.resolved'`;
    expect(audit?.details).toMatchObject({ take });
    expect(JSON.stringify(audit)).not.toMatch(/Chosen|Provider|Venue"/);
  });

  it('sets and removes keys of the metadata', async () => {
    const fields = [
      { ...NAME, field: 'metadata.colour' },
      { ...NAME, field: 'metadata.note' },
    ];
    const id = await aConflict({ fields });
    await resolve(id, { take: 'values', values: { 'metadata.colour': null, 'metadata.note': 'n' } });
    expect((await recordOf('c-1')).metadata).toEqual({ note: 'n' });
  });

  it('rejects values that are missing, not in conflict or not valid, all named at once, and changes nothing', async () => {
    const id = await aConflict({ fields: [NAME, { ...NAME, field: 'email' }, { ...NAME, field: 'phone' }] });
    const answer = await resolve(id, { take: 'values', values: { name: 7, email: 'no address', sourceId: 'x' } });
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(answer.json.errors.map((error: { path: string }) => error.path).sort()).toEqual([
      'values.email',
      'values.name',
      'values.phone',
      'values.sourceId',
    ]);
    expect((await recordOf('c-1')).version).toBe(1);
    expect((await api.send('GET', path)).json.data).toMatchObject([{ state: 'open' }]);
  });

  it.each([
    ['values without take: values', { take: 'venue', values: { name: 'x' } }],
    ['take: values without values', { take: 'values' }],
    ['an unknown side', { take: 'both' }],
  ])('rejects %s', async (_what, body) => {
    expect(await resolve(await aConflict(), body)).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
  });

  it('refuses a second resolution, and repeats the first under its Idempotency-Key', async () => {
    const id = await aConflict();
    const headers = { 'Idempotency-Key': 'one' };
    const first = await resolve(id, { take: 'provider' }, { headers });
    expect(await resolve(id, { take: 'provider' }, { headers })).toMatchObject({ status: 200, json: first.json });
    expect(await resolve(id, { take: 'venue' })).toMatchObject({ status: 409, json: { code: 'conflict-resolved' } });
    expect((await recordOf('c-1')).name).toBe('Provider');
  });

  it('deletes the record when the provider’s deletion is taken, and keeps it otherwise', async () => {
    const id = await aConflict({ kind: 'deleted-by-provider', fields: [] });
    const other = await aConflict({ sourceId: 'c-2', kind: 'deleted-by-provider', fields: [] });
    expect((await resolve(id, { take: 'values', values: {} })).status).toBe(400);
    await resolve(id, { take: 'provider' });
    await resolve(other, { take: 'venue' });
    expect((await recordOf('c-1')).deletedAt).not.toBeNull();
    expect((await recordOf('c-2')).deletedAt).toBeNull();
  });

  it('restores a deleted record with the provider’s values when those are taken', async () => {
    const id = await aConflict({ kind: 'deleted-by-venue' });
    await store().remove(venueId, (await recordOf('c-1')).id);
    await resolve(id, { take: 'provider' });
    expect(await recordOf('c-1')).toMatchObject({ name: 'Provider', email: 'c@example.com', deletedAt: null });
  });
});
