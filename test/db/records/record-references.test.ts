import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toPulled } from '../../../activities/sync/pull/pulled-record.ts';
import { readOnlyMapping } from '../../../providers/read-only-mapping.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import { migrateDown, migrateUp } from '../../../db/core/migrate.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import type { PulledRecord } from '../../../db/pull/pulled-record.ts';
import { createDisconnectionStore } from '../../../db/connections/disconnection-store.ts';
import type { RecordFields, RecordKind } from '../../../records/record-kind.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS } from '../../made-up/loyalty-cards.ts';
import { plainRecord } from '../../support/record-values.ts';
import { createEmptyDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { gatherNoStatistics, rowsRead } from '../core/query-plan.ts';
import type { QueryPlan } from '../core/query-plan.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

interface Told {
  readonly id: string;
  readonly fields?: RecordFields;
  readonly refs?: Readonly<Record<string, string | null>>;
  readonly version?: number;
  /** Our id that the provider's object carries. */
  readonly recordId?: RecordId;
}

const aPulled = (kind: RecordKind, { id, fields, refs, version, recordId }: Told): PulledRecord =>
  toPulled(
    {
      externalId: id,
      version: version ?? Date.now(),
      deleted: false,
      recordId: recordId ?? null,
      fields: { ...plainRecord(kind, id), ...fields },
      ...(refs && { refs }),
    },
    readOnlyMapping,
  );

/** Every field of every kind that holds our own id of a record that the provider names. */
const REFERENCES = KINDS_WITH_CARDS.all.flatMap((kind) =>
  Object.entries(kind.references).flatMap(([name, { to, field }]) =>
    field === null ? [] : [[`${kind.name}.${field}`, { kind, name, to: KINDS_WITH_CARDS.get(to), field }] as const],
  ),
);

describe('references between pulled records', () => {
  let world: World;
  let a: TestVenue;
  let b: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld({ kinds: KINDS_WITH_CARDS });
    await createLoyaltyCards(world.database.admin);
    await gatherNoStatistics(world.database.admin, 'record_references');
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    a = await world.aVenue();
    b = await world.connect(a.venueId, { secretKey: 'sk_test_of_nobody' });
  });

  async function pull(of: TestVenue, kind: RecordKind, told: readonly Told[], amendments: readonly object[] = []) {
    const input = await world.open(of, 'pull', 'full', { resource: kind.name });
    const { fence, account } = await world.progress.takeOver(input, null);
    await world.pulls.commit(
      { ...input, fence, account },
      {
        records: told.map((one) => aPulled(kind, one)),
        amendments: amendments as never,
        rejections: [],
        anomalies: [],
        seen: [],
        counting: 'all',
        checkpoint: null,
        providerCalls: 1,
        ratePerSecond: 1,
      },
    );
    await world.finish(input);
  }

  interface Held {
    readonly id: RecordId;
    readonly source_id: string;
    readonly version: number;
    readonly agreed: number;
    readonly held: unknown;
  }
  const heldBy = async (of: TestVenue, kind: RecordKind, { id, field }: { id: string; field: string }) => {
    const column = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const { admin } = world.database;
    const [row] = await admin<Held[]>`
      select c.id, c.source_id, c.version, l.record_version as agreed, c.${admin(column)} as held
      from record_links l join ${admin(kind.table)} c on c.id = l.record_id
      where l.connection_id = ${of.connectionId} and l.resource = ${kind.name} and l.external_id = ${id}`;
    return row!;
  };
  const ownId = (kind: RecordKind, field: string, { id, source_id: sourceId }: Held) =>
    kind.fields[field]?.value.type === 'record-id' ? id : sourceId;
  const rows = (of: TestVenue) =>
    world.database.admin`
      select resource, name, to_resource, external_id from record_references where connection_id = ${of.connectionId} order by 1, 2, 3, 4`;

  describe.each(REFERENCES)('%s', (_label, { kind, name, to, field }) => {
    const naming = (id: string, named: string | null, more: Partial<Told> = {}): Told => ({
      id,
      refs: { [name]: named },
      // What a required field holds comes from the reference too.
      fields: { [field]: null },
      ...more,
    });
    const isRequired = kind.fields[field]?.presence === 'required';
    /** What the field holds while the named record is not there. */
    const waiting = (of: TestVenue, id: string) => (isRequired ? world.pulledId(of, id) : null);
    const target = (id: string): Told => ({ id, refs: {} });

    it('is filled in when the named record already exists', async () => {
      await pull(a, to, [target('x')]);
      await pull(a, kind, [naming('one', 'x')]);
      const named = await heldBy(a, to, { id: 'x', field: 'id' });
      expect((await heldBy(a, kind, { id: 'one', field })).held).toBe(ownId(kind, field, named));
      expect(await rows(a)).toMatchObject([{ resource: kind.name, name, to_resource: to.name, external_id: 'x' }]);
    });

    it('is filled in when the named record arrives later, which does not count as a change by the venue', async () => {
      await pull(a, kind, [naming('one', 'x'), naming('two', 'y')]);
      expect((await heldBy(a, kind, { id: 'one', field })).held).toBe(waiting(a, 'x'));
      await pull(a, to, [target('x')]);
      const named = await heldBy(a, to, { id: 'x', field: 'id' });
      const version = isRequired ? 1 : 2;
      expect(await heldBy(a, kind, { id: 'one', field })).toMatchObject({
        held: ownId(kind, field, named),
        version,
        agreed: version,
      });
      expect(await heldBy(a, kind, { id: 'two', field })).toMatchObject({ held: waiting(a, 'y'), version: 1 });
    });

    it('names the record of its own connection when two connections have equal ids', async () => {
      for (const each of [a, b]) await pull(each, kind, [naming('one', 'x')]);
      await pull(a, to, [target('x')]);
      expect((await heldBy(b, kind, { id: 'one', field })).held).toBe(waiting(b, 'x'));
      await pull(b, to, [target('x')]);
      const [ofA, ofB] = [await heldBy(a, to, { id: 'x', field: 'id' }), await heldBy(b, to, { id: 'x', field: 'id' })];
      expect((await heldBy(a, kind, { id: 'one', field })).held).toBe(ownId(kind, field, ofA));
      expect((await heldBy(b, kind, { id: 'one', field })).held).toBe(ownId(kind, field, ofB));
      expect(ofA.id).not.toBe(ofB.id);
    });

    it('stays when a newer reading names nothing, and when an older one names another record', async () => {
      await pull(a, to, [target('x'), target('y')]);
      await pull(a, kind, [naming('one', 'x', { version: 5 })]);
      const before = await heldBy(a, kind, { id: 'one', field });
      await pull(a, kind, [naming('one', null, { version: 6 })]);
      await pull(a, kind, [naming('one', 'y', { version: 4 })]);
      expect((await heldBy(a, kind, { id: 'one', field })).held).toBe(before.held);
      expect(await rows(a)).toMatchObject([{ name, external_id: 'x' }]);
    });

    it('follows a newer reading that names another record', async () => {
      await pull(a, to, [target('x'), target('y')]);
      await pull(a, kind, [naming('one', 'x', { version: 5 })]);
      await pull(a, kind, [naming('one', 'y', { version: 6 })]);
      const named = await heldBy(a, to, { id: 'y', field: 'id' });
      expect((await heldBy(a, kind, { id: 'one', field })).held).toBe(ownId(kind, field, named));
      expect(await rows(a)).toMatchObject([{ name, external_id: 'y' }]);
    });

    it('no longer names the old record after a newer reading that names one not there yet, and is filled in when that arrives', async () => {
      await pull(a, to, [target('x')]);
      await pull(a, kind, [naming('one', 'x', { version: 5 }), naming('two', 'x', { version: 5 })]);
      await pull(a, kind, [naming('one', 'y', { version: 6 }), naming('two', 'x', { version: 6 })]);
      const emptied = await heldBy(a, kind, { id: 'one', field });
      expect(emptied.held).toBe(waiting(a, 'y'));
      expect(emptied.agreed).toBe(emptied.version);
      const stays = await heldBy(a, to, { id: 'x', field: 'id' });
      expect((await heldBy(a, kind, { id: 'two', field })).held).toBe(ownId(kind, field, stays));
      await pull(a, to, [target('y')]);
      const named = await heldBy(a, to, { id: 'y', field: 'id' });
      const filled = await heldBy(a, kind, { id: 'one', field });
      expect(filled).toMatchObject({ held: ownId(kind, field, named), agreed: filled.version });
    });

    it.runIf(isRequired)(
      'comes to name a record of the venue’s own once the named object is linked to it',
      async () => {
        await pull(a, to, [target('earlier')]);
        const own = await heldBy(a, to, { id: 'earlier', field: 'id' });
        const { admin } = world.database;
        await admin`update ${admin(to.table)} set source_id = 'own' where id = ${own.id}`;
        await admin`delete from record_links where record_id = ${own.id}`;
        await pull(a, kind, [naming('one', 'x')]);
        await pull(a, to, [{ ...target('x'), recordId: own.id }]);
        expect(await heldBy(a, kind, { id: 'one', field })).toMatchObject({ held: 'own', version: 2, agreed: 2 });
      },
    );

    it('is deleted with its record when the records of its connection are deleted', async () => {
      for (const each of [a, b]) await pull(each, kind, [naming('one', 'x')]);
      const store = createDisconnectionStore(world.database.db, world.audit, KINDS_WITH_CARDS);
      for (
        let cursor: Awaited<ReturnType<typeof store.deleteSome>> | typeof store.firstDeletion = store.firstDeletion;
        cursor !== null;
      )
        cursor = await store.deleteSome(a, cursor, 100);
      expect(await rows(a)).toEqual([]);
      expect(await rows(b)).toHaveLength(1);
    });
  });

  it('are invisible to another venue', async () => {
    await pull(a, KINDS_WITH_CARDS.get('invoices'), [{ id: 'one', refs: { customer: 'x' } }]);
    const other = await world.aVenue();
    const seen = await withVenue(world.database.db, other.venueId, (tx) =>
      tx.execute(sql`select 1 from record_references`),
    );
    expect(seen).toHaveLength(0);
  });

  it('let an amendment find its record in its own connection only', async () => {
    const kind = KINDS_WITH_CARDS.get('transactions');
    for (const each of [a, b])
      await pull(each, kind, [
        { id: 'pay', refs: { payment: 'pi' }, fields: { kind: 'payment', metadata: { kept: '1' } } },
        { id: 'refund', refs: { payment: 'pi' }, fields: { kind: 'refund' } },
      ]);
    const line = { description: 'Coffee', quantity: '2', amountMinor: 5, productSourceId: null };
    await pull(a, kind, [], [{ payment: 'pi', lines: [line], metadata: { invoice: 'in' } }]);
    expect((await heldBy(a, kind, { id: 'pay', field: 'lines' })).held).toEqual([line]);
    expect((await heldBy(a, kind, { id: 'pay', field: 'metadata' })).held).toEqual({ kept: '1', invoice: 'in' });
    for (const [of, id] of [
      [a, 'refund'],
      [b, 'pay'],
    ] as const)
      expect((await heldBy(of, kind, { id, field: 'lines' })).held).toEqual([]);
  });

  it('are looked up by their key even on tables without planner statistics', async () => {
    const { admin, db } = world.database;
    await admin`
      insert into record_references (connection_id, resource, record_id, name, venue_id, to_resource, external_id)
      select ${a.connectionId}, 'invoices', gen_random_uuid(), 'customer', ${a.venueId}, 'customers', 'cus_' || n from generate_series(1, 5000) n`;
    const known = JSON.stringify(['cus_7', 'cus_8', 'cus_unknown']);
    const [row] = await withVenue(db, a.venueId, (tx) =>
      tx.execute<QueryPlan>(sql`explain (analyze, format json)
        select distinct f.resource, f.name from jsonb_array_elements_text(${known}::jsonb) as r(external_id)
        cross join lateral (select resource, name, record_id from record_references
          where connection_id = ${a.connectionId} and to_resource = 'customers' and external_id = r.external_id offset 0) f`),
    );
    expect(Math.max(...rowsRead(row!['QUERY PLAN'][0].Plan))).toBeLessThanOrEqual(3);
  });
});

describe('the migration to references as rows', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createEmptyDatabase();
    return () => database.drop();
  });
  const quiet = () => undefined;
  const id = (name: string) => `00000000-0000-7000-8000-${name.padStart(12, '0')}`;

  it('keeps the stored references, up, down and up again', async () => {
    const { ownerUrl: url, admin } = database;
    const columns = () => admin`
      select source_id, customer_external_id, related_external_id, payment_external_id from transactions
      union all select source_id, customer_external_id, null, null from invoices order by 1`;
    const references = () => admin`
      select connection_id, resource, record_id, name, to_resource, external_id from record_references order by record_id, name`;
    await migrateUp({ url, log: quiet });
    await migrateDown({ url, to: 21, log: quiet });
    await admin`insert into venues (id, name, time_zone, currency) values (${id('1')}, 'A venue', 'UTC', 'EUR')`;
    await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id) values (${id('a')}, ${id('1')}, 'stripe', 'sandbox', 'active', 'acct_a')`;
    await admin`insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status, customer_external_id, related_external_id, payment_external_id)
      values (${id('71')}, ${id('1')}, 'ch', 'payment', now(), 1, 'EUR', 'succeeded', 'cus_1', null, 'pi_1'),
        (${id('72')}, ${id('1')}, 're', 'refund', now(), -1, 'EUR', 'succeeded', null, 'ch', 'pi_1'),
        (${id('73')}, ${id('1')}, 'till', 'payment', now(), 1, 'EUR', 'succeeded', null, null, null)`;
    await admin`insert into invoices (id, venue_id, source_id, status, currency, total_minor, customer_external_id) values (${id('81')}, ${id('1')}, 'in', 'open', 'EUR', 1, 'cus_2')`;
    for (const [record, resource] of [
      ['71', 'transactions'],
      ['72', 'transactions'],
      ['81', 'invoices'],
    ] as const)
      await admin`insert into record_links (connection_id, resource, record_id, venue_id, external_id, state) values (${id('a')}, ${resource}, ${id(record)}, ${id('1')}, ${record}, 'linked')`;
    const stored = [...(await columns())];

    await migrateUp({ url, log: quiet });
    const moved = [...(await references())];
    expect(
      moved.map(
        (row) =>
          `${String(row['record_id']).slice(-2)} ${row['resource']} ${row['name']} ${row['to_resource']} ${row['external_id']}`,
      ),
    ).toEqual([
      '71 transactions customer customers cus_1',
      '71 transactions payment transactions pi_1',
      '72 transactions payment transactions pi_1',
      '72 transactions related transactions ch',
      '81 invoices customer customers cus_2',
    ]);
    await migrateDown({ url, to: 21, log: quiet });
    expect([...(await columns())]).toEqual(stored);
    await migrateUp({ url, log: quiet });
    expect([...(await references())]).toEqual(moved);
  });
});
