import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toPulled } from '../../../activities/sync/pull/pulled-record.ts';
import { createRecordStores } from '../../../db/records/record-store.ts';
import type { RecordStores } from '../../../db/records/record-store.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';
import { customers } from '../../../records/customers.ts';
import { inventory } from '../../../records/inventory.ts';
import type { RecordKind } from '../../../records/record-kind.ts';
import { transactions } from '../../../records/transactions.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS, loyaltyCards } from '../../made-up/loyalty-cards.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('what a push is told of the records that a record names', () => {
  let world: World;
  let stores: RecordStores;
  let a: TestVenue;
  let b: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld({ kinds: KINDS_WITH_CARDS });
    await createLoyaltyCards(world.database.admin);
    stores = createRecordStores(world.database.db, KINDS_WITH_CARDS);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    a = await world.aVenue();
    b = await world.connect(a.venueId, { secretKey: 'sk_test_of_nobody' });
  });

  async function scopeOf(of: TestVenue, kind: RecordKind, direction: 'push' | 'pull') {
    const input = await world.open(of, direction, 'full', { resource: kind.name });
    const { fence, account } = await world.progress.takeOver(input, null);
    return { ...input, fence, account };
  }

  async function pull(
    of: TestVenue,
    kind: RecordKind,
    ...told: readonly { readonly id: string; readonly refs?: Readonly<Record<string, string>> }[]
  ) {
    const scope = await scopeOf(of, kind, 'pull');
    const records = told.map(({ id, refs = {} }) =>
      toPulled(
        {
          ...{ externalId: id, version: Date.now(), deleted: false, recordId: null },
          fields: { ...plainRecord(kind, id), customerSourceId: null, relatedTransactionId: null },
          refs,
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

  /** By `sourceId`, what a push of the kind would be told. */
  async function refsOf(of: TestVenue, kind: RecordKind) {
    const scope = await scopeOf(of, kind, 'push');
    const rows = await world.pushes.readPage(scope, { after: null, limit: 100 });
    await world.finish(scope);
    return Object.fromEntries(rows.map(({ sourceId, refs }) => [sourceId, refs]));
  }

  const aCard = (sourceId: string, customerSourceId: string | null) =>
    stores
      .of(loyaltyCards)
      .upsertMany(a.venueId, [{ sourceId, ...plainRecord(loyaltyCards, sourceId), customerSourceId }]);
  const aCustomer = (sourceId: string) =>
    stores.of(customers).upsertMany(a.venueId, [{ sourceId, ...plainRecord(customers, sourceId) }]);

  it('is null for a record that does not exist, or that this connection does not know', async () => {
    await aCustomer('ana');
    await aCard('of-nobody', null);
    await aCard('of-a-stranger', 'not-there');
    await aCard('of-ana', 'ana');
    await pull(b, customers, { id: 'x' });
    await aCard('of-x', world.pulledId(b, 'x'));
    const none = { customer: null };
    expect(await refsOf(a, loyaltyCards)).toEqual({
      ...{ 'of-nobody': none, 'of-a-stranger': none, 'of-ana': none },
      'of-x': none,
    });
    expect(await refsOf(b, loyaltyCards)).toMatchObject({ 'of-x': { customer: 'x' } });
  });

  it('is the provider’s own id of a record that the venue names', async () => {
    await pull(a, customers, { id: 'x' }, { id: 'y' });
    await aCard('of-x', world.pulledId(a, 'x'));
    expect(await refsOf(a, loyaltyCards)).toEqual({ 'of-x': { customer: 'x' } });
    await aCard('of-x', world.pulledId(a, 'y'));
    expect(await refsOf(a, loyaltyCards)).toEqual({ 'of-x': { customer: 'y' } });
  });

  it('is null once the provider has deleted the record that is named', async () => {
    await pull(a, customers, { id: 'x' });
    await aCard('of-x', world.pulledId(a, 'x'));
    await world.database.admin`
      update record_links set state = 'gone' where connection_id = ${a.connectionId} and external_id = 'x'`;
    expect(await refsOf(a, loyaltyCards)).toEqual({ 'of-x': { customer: null } });
  });

  it('stays what a pulled record has named while the record that it names has not been pulled', async () => {
    await pull(a, loyaltyCards, { id: 'card', refs: { customer: 'x' } });
    const card = world.pulledId(a, 'card');
    expect(await refsOf(a, loyaltyCards)).toEqual({ [card]: { customer: 'x' } });
    await pull(a, customers, { id: 'x' });
    expect(await refsOf(a, loyaltyCards)).toEqual({ [card]: { customer: 'x' } });
  });

  it('is null for a pulled record whose field the venue has emptied', async () => {
    await pull(a, customers, { id: 'x' });
    await pull(a, loyaltyCards, { id: 'card', refs: { customer: 'x' } });
    const card = world.pulledId(a, 'card');
    await aCard(card, null);
    expect(await refsOf(a, loyaltyCards)).toEqual({ [card]: { customer: null } });
  });

  it('stays what a pulled record has named by a field that it cannot be without, until the venue names another', async () => {
    await pull(a, inventory, { id: 'level', refs: { product: 'p' } });
    const level = world.pulledId(a, 'level');
    expect(await refsOf(a, inventory)).toEqual({ [level]: { product: 'p' } });
    await stores
      .of(inventory)
      .upsertMany(a.venueId, [{ sourceId: level, ...plainRecord(inventory, level), productSourceId: 'another' }]);
    expect(await refsOf(a, inventory)).toEqual({ [level]: { product: null } });
  });

  it('holds the reference that has no field of its own, and those by our id', async () => {
    await pull(a, transactions, { id: 'pay' }, { id: 'refund', refs: { payment: 'intent', related: 'pay' } });
    expect(await refsOf(a, transactions)).toEqual({
      [world.pulledId(a, 'pay')]: { customer: null, payment: null, related: null },
      [world.pulledId(a, 'refund')]: { customer: null, payment: 'intent', related: 'pay' },
    });
  });
});
