import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toPulled } from '../../../activities/sync/pull/pulled-record.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import type { RecordStores } from '../../../db/records/record-store.ts';
import { listReferencesIn } from '../../../domain/sync/list-references.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';
import { invoices } from '../../../records/invoices.ts';
import { products } from '../../../records/products.ts';
import { defineRecordKind } from '../../../records/record-kind.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

interface Told {
  readonly id: string;
  /** The provider's ids of the products of the lines. */
  readonly lines?: readonly (string | null)[];
  readonly version?: number;
  readonly recordId?: RecordId;
}

interface Held {
  readonly id: RecordId;
  readonly source_id: string;
  readonly version: number;
  readonly agreed: number;
  readonly lines: readonly { readonly productSourceId: string | null; readonly description: string }[];
}

describe('references inside lists', () => {
  let world: World;
  let stores: RecordStores;
  let a: TestVenue;
  let b: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld();
    stores = createRecordStores(world.database.db, RECORD_KINDS);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    a = await world.aVenue();
    b = await world.connect(a.venueId, { secretKey: 'sk_test_of_nobody' });
  });

  const aLine = (productSourceId: string | null, index: number) => ({
    ...{ description: `line ${index}`, quantity: '1', unitAmount: '1', amountMinor: 100, taxMinor: null },
    productSourceId,
  });
  const plain = (kind: RecordKind, id: string, lines: readonly unknown[] = []) => ({
    ...plainRecord(kind, id),
    ...(kind === invoices && { customerSourceId: null, lines }),
  });

  async function scopeOf(of: TestVenue, kind: RecordKind, direction: 'push' | 'pull' | 'both') {
    const input = await world.open(of, direction, 'full', { resource: kind.name });
    const { fence, account } = await world.progress.takeOver(input, null);
    return { ...input, fence, account };
  }

  async function pull(of: TestVenue, kind: RecordKind, ...told: readonly Told[]) {
    const scope = await scopeOf(of, kind, 'pull');
    const records = told.map(({ id, lines = [], version, recordId }) =>
      toPulled(
        {
          ...{ externalId: id, version: version ?? Date.now(), deleted: false, recordId: recordId ?? null },
          fields: plain(
            kind,
            id,
            lines.map((_, index) => aLine(null, index)),
          ),
          ...(kind === invoices && { refs: { customer: null }, listRefs: { product: lines } }),
        },
        readOnlyMapping,
      ),
    );
    await world.pulls.commit(scope, {
      ...{ records, amendments: [], rejections: [], anomalies: [], seen: [], counting: 'all' as const },
      ...{ checkpoint: null, providerCalls: 1, ratePerSecond: 1 },
    });
    await world.finish(scope);
  }

  const held = async (of: TestVenue, kind: RecordKind, id: string) => {
    const { admin } = world.database;
    const [row] = await admin<Held[]>`
      select c.id, c.source_id, c.version, l.record_version as agreed, to_jsonb(c) -> 'lines' as lines
      from record_links l join ${admin(kind.table)} c on c.id = l.record_id
      where l.connection_id = ${of.connectionId} and l.resource = ${kind.name} and l.external_id = ${id}`;
    return row!;
  };
  const namesIn = async (of: TestVenue, id: string) =>
    (await held(of, invoices, id)).lines.map(({ productSourceId }) => productSourceId);
  const rows = (of: TestVenue) =>
    world.database.admin`
      select name, to_resource, external_id from record_references where connection_id = ${of.connectionId} order by 1, 2, 3`;

  /** What a push would be told of each invoice's lines, by `sourceId`. */
  async function listed(of: TestVenue) {
    const scope = await scopeOf(of, invoices, 'push');
    const read = await world.pushes.readPage(scope, { after: null, limit: 100 });
    await world.finish(scope);
    return Object.fromEntries(
      read.map(({ sourceId, lists, fields }) => [sourceId, lists && listReferencesIn(lists, fields)['product']]),
    );
  }
  const anInvoice = (sourceId: string, ...names: readonly (string | null)[]) =>
    stores.of(invoices).upsertMany(a.venueId, [{ sourceId, ...plain(invoices, sourceId, names.map(aLine)) }]);
  const aProduct = (sourceId: string) =>
    stores.of(products).upsertMany(a.venueId, [{ sourceId, ...plainRecord(products, sourceId) }]);

  /** A venue's own record in place of the pulled one, as if the venue had made it and a push had never been answered. */
  async function renameToOwn(of: TestVenue, id: string, sourceId: string): Promise<RecordId> {
    const { id: recordId } = await held(of, products, id);
    await world.database.admin`update products set source_id = ${sourceId} where id = ${recordId}`;
    await world.database.admin`delete from record_links where record_id = ${recordId}`;
    return recordId;
  }

  it('name the record that the provider’s id stands for, in each element', async () => {
    await pull(a, products, { id: 'x' }, { id: 'y' });
    await world.database.admin`update products set source_id = 'chai' where id = ${(await held(a, products, 'x')).id}`;
    await pull(a, invoices, { id: 'one', lines: ['x', null, 'y', 'x'] });
    expect(await namesIn(a, 'one')).toEqual(['chai', null, world.pulledId(a, 'y'), 'chai']);
    expect(await rows(a)).toEqual([
      { name: 'product:x', to_resource: 'products', external_id: 'x' },
      { name: 'product:y', to_resource: 'products', external_id: 'y' },
    ]);
  });

  it('name a record that is not there yet as its pull will name it, and change nothing when it arrives', async () => {
    await pull(a, invoices, { id: 'one', lines: ['x'] });
    expect(await namesIn(a, 'one')).toEqual([world.pulledId(a, 'x')]);
    await pull(a, products, { id: 'x' });
    expect((await held(a, products, 'x')).source_id).toBe(world.pulledId(a, 'x'));
    expect(await held(a, invoices, 'one')).toMatchObject({ version: 1, agreed: 1 });
  });

  it('follow an object that comes to be linked to a record of another name, which is no change by the venue', async () => {
    await pull(a, products, { id: 'earlier' }, { id: 'other' });
    const own = await renameToOwn(a, 'earlier', 'own');
    await pull(a, invoices, { id: 'one', lines: ['x', null, 'other', 'x'] }, { id: 'two', lines: ['other'] });
    await pull(b, invoices, { id: 'one', lines: ['x'] });
    await world.database.admin`
      insert into agreed_records (connection_id, resource, record_id, venue_id, provider)
      select ${a.connectionId}, 'invoices', c.id, c.venue_id, jsonb_build_object('lines', c.lines, 'number', 'A-1')
      from invoices c where c.id = ${(await held(a, invoices, 'one')).id}`;
    await pull(a, products, { id: 'x', recordId: own });
    const other = world.pulledId(a, 'other');
    expect(await namesIn(a, 'one')).toEqual(['own', null, other, 'own']);
    expect(await held(a, invoices, 'one')).toMatchObject({ version: 2, agreed: 2 });
    expect((await held(a, invoices, 'one')).lines.map(({ description }) => description)).toEqual(
      [0, 1, 2, 3].map((index) => `line ${index}`),
    );
    expect(await held(a, invoices, 'two')).toMatchObject({ version: 1, agreed: 1 });
    expect(await namesIn(b, 'one')).toEqual([world.pulledId(b, 'x')]);
    const [{ provider }] = await world.database.admin<[{ provider: { lines: Held['lines']; number: string } }]>`
      select provider from agreed_records where connection_id = ${a.connectionId}`;
    expect(provider.lines.map(({ productSourceId }) => productSourceId)).toEqual(['own', null, other, 'own']);
    expect(provider.number).toBe('A-1');
  });

  it('are replaced with the list by a newer reading, and left alone by an older one', async () => {
    await pull(a, invoices, { id: 'one', lines: ['x', 'y'], version: 5 });
    await pull(a, invoices, { id: 'one', lines: ['y', 'z'], version: 6 });
    await pull(a, invoices, { id: 'one', lines: ['w'], version: 4 });
    expect(await namesIn(a, 'one')).toEqual([world.pulledId(a, 'y'), world.pulledId(a, 'z')]);
    expect(await rows(a)).toMatchObject([{ external_id: 'y' }, { external_id: 'z' }]);
  });

  it('tell a push the provider’s ids, and null where its connection knows none', async () => {
    await pull(a, products, { id: 'x' });
    await pull(b, products, { id: 'y' });
    await aProduct('chai');
    const [x, y] = [world.pulledId(a, 'x'), world.pulledId(b, 'y')];
    await anInvoice('own', x, null, 'chai', 'not-there', y);
    expect(await listed(a)).toEqual({ own: ['x', null, null, null, null] });
    expect(await listed(b)).toEqual({ own: [null, null, null, null, 'y'] });
    await world.database.admin`
      update record_links set state = 'gone' where connection_id = ${a.connectionId} and external_id = 'x'`;
    expect(await listed(a)).toEqual({ own: [null, null, null, null, null] });
  });

  it('tell a push what a pulled record has named while that has not been pulled, also after the venue has moved lines', async () => {
    await pull(a, invoices, { id: 'one', lines: ['x', 'y'] });
    const [one, x, y] = ['one', 'x', 'y'].map((id) => world.pulledId(a, id)) as [string, string, string];
    expect(await listed(a)).toEqual({ [one]: ['x', 'y'] });
    await anInvoice(one, y, 'chai', x);
    expect(await listed(a)).toEqual({ [one]: ['y', null, 'x'] });
  });

  it('need an element of a list with a field that names a record', () => {
    const define = (list: 'lines' | 'number', field: string) => () =>
      defineRecordKind({
        ...invoices,
        filters: {},
        indexed: [],
        lookedUpBy: [],
        together: [],
        mergedAsOne: [],
        references: {},
        amendments: undefined as never,
        listReferences: { product: { list, field } },
      });
    expect(define('lines', 'description')).toThrow('has no field description that names a record');
    expect(define('number', 'productSourceId')).toThrow('has no field productSourceId that names a record');
    expect(define('lines', 'productSourceId')().listReferences).toEqual({
      product: { to: 'products', list: 'lines', field: 'productSourceId' },
    });
  });
});
