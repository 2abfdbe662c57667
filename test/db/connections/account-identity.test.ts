import { readdir } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecordId } from '../../../contracts/ids.ts';
import type { RecordFields } from '../../../records/record-kind.ts';
import { migrateDown, migrateUp } from '../../../db/core/migrate.ts';
import type { PulledRecord } from '../../../db/pull/pulled-record.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import { createEmptyDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { createLoyaltyCards, KINDS_WITH_CARDS } from '../../made-up/loyalty-cards.ts';
import { markedField, markOf, plainRecord } from '../../support/record-values.ts';

const aPulled = (externalId: string, fields: RecordFields, recordId: RecordId | null = null): PulledRecord => ({
  ...{
    externalId,
    version: Date.now(),
    deleted: false,
    superseded: false,
    mergedFrom: [],
    certain: false,
    beforeHistory: false,
    deletedAtMs: null,
    recordId,
    fields,
    metadataKeys: [],
    references: null,
    listReferences: null,
    externalState: null,
  },
  changedAtMs: null,
  payloadFingerprint: () => 'f',
  identity: () => null,
  fingerprintFor: ({ id }) => `${id} ${JSON.stringify(fields)}`,
  contentFingerprint: () => JSON.stringify(fields),
});

describe.each(KINDS_WITH_CARDS.all.map((kind) => [kind.name, kind] as const))(
  'pulled %s of two connections',
  (resource, kind) => {
    let world: Awaited<ReturnType<typeof createSyncWorld>>;
    let a: TestVenue;
    let b: TestVenue;
    beforeAll(async () => {
      world = await createSyncWorld({ kinds: KINDS_WITH_CARDS });
      await createLoyaltyCards(world.database.admin);
    });
    afterAll(() => world.close());
    beforeEach(async () => {
      a = await world.aVenue();
      b = await world.connect(a.venueId, { secretKey: 'sk_test_of_nobody' });
    });

    async function pull(of: TestVenue, ...records: readonly PulledRecord[]): Promise<void> {
      const input = await world.open(of, 'pull', 'full', { resource });
      const { fence, account } = await world.progress.takeOver(input, null);
      const scope: RunScope = { ...input, fence, account };
      await world.pulls.commit(scope, {
        records,
        amendments: [],
        rejections: [],
        anomalies: [],
        seen: [],
        counting: 'all',
        checkpoint: null,
        providerCalls: 1,
        ratePerSecond: 1,
      });
      await world.finish(input);
    }
    const table = () => world.database.admin(kind.table);
    const tied = async (of: TestVenue) => {
      const rows = await world.database.admin<{ id: RecordId; source_id: string; marked: unknown; deleted: boolean }[]>`
      select c.id, c.source_id, c.${world.database.admin(markedField(kind))} as marked, c.deleted_at is not null as deleted
      from record_links l join ${table()} c on c.id = l.record_id where l.connection_id = ${of.connectionId} and l.resource = ${resource} order by l.external_id`;
      return rows.map(({ marked, ...row }) => ({ ...row, who: markOf(kind, { [markedField(kind)]: marked }) }));
    };
    const count = async () =>
      Number(
        (await world.database.admin`select count(*) as count from ${table()} where venue_id = ${a.venueId}`)[0]?.[
          'count'
        ],
      );
    const dropLinks = (of: TestVenue) =>
      world.database.admin`delete from record_links where connection_id = ${of.connectionId}`;
    /** Renames to the sourceId that the previous release gave to a pulled record. */
    const renamed = (sourceId: string) =>
      world.database.admin`update ${table()} set source_id = ${sourceId} where venue_id = ${a.venueId}`;
    const of = (who: string, recordId: RecordId | null = null) => aPulled('same', plainRecord(kind, who), recordId);

    it('become two records when their ids are equal', async () => {
      await pull(a, of('A'));
      await pull(b, of('B'));
      await pull(a, of('A'));
      expect((await tied(a)).map(({ who }) => who)).toEqual(['A']);
      expect((await tied(b)).map(({ who }) => who)).toEqual(['B']);
      expect((await tied(a))[0]?.source_id).toBe(world.pulledId(a, 'same'));
      expect(await count()).toBe(2);
    });

    it('keep the sourceId of an earlier release when found by their link', async () => {
      await pull(a, of('A'));
      await renamed('stripe:same');
      await pull(a, of('A2'));
      await pull(b, of('B'));
      expect(await tied(a)).toMatchObject([{ who: 'A2', source_id: 'stripe:same' }]);
      expect(await tied(b)).toMatchObject([{ who: 'B', source_id: world.pulledId(b, 'same') }]);
    });

    it('are found by that sourceId without their link when the venue has only one account', async () => {
      const alone = await world.aVenue();
      await world.database.admin`update venues set pulled_without_account = true where id = ${alone.venueId}`;
      await pull(alone, of('A'));
      const [before] = await tied(alone);
      await world.database.admin`update ${table()} set source_id = 'stripe:same' where id = ${before!.id}`;
      await dropLinks(alone);
      await pull(alone, of('A2'));
      expect(await tied(alone)).toEqual([{ id: before?.id, source_id: 'stripe:same', who: 'A2', deleted: false }]);
    });

    it('are not found by that sourceId when they may belong to another account', async () => {
      await pull(a, of('A'));
      await renamed('stripe:same');
      await dropLinks(a);
      await pull(b, of('B'));
      expect(await tied(b)).toMatchObject([{ who: 'B', source_id: world.pulledId(b, 'same') }]);
      expect(await count()).toBe(2);
    });

    it('get a new sourceId when the record with that name is now linked to another object', async () => {
      await pull(a, of('A'));
      await world.database.admin`update record_links set external_id = 'other' where connection_id = ${a.connectionId}`;
      await pull(a, of('A2'), aPulled('third', plainRecord(kind, 'A3')));
      const all = await tied(a);
      expect(all.map(({ who }) => who)).toEqual(['A', 'A2', 'A3']);
      expect(new Set(all.map(({ source_id: sourceId }) => sourceId)).size).toBe(3);
      expect(all[1]?.source_id).toBe(`${world.pulledId(a, 'same')}:${all[1]!.id}`);
    });

    it('are not linked by a copied id of ours to a record with a remote record in the other account', async () => {
      await pull(a, of('A'));
      const [mine] = await tied(a);
      await pull(b, of('B', mine!.id));
      expect(await tied(a)).toMatchObject([{ who: 'A' }]);
      expect(await tied(b)).toMatchObject([{ who: 'B' }]);
      expect(await count()).toBe(2);
    });
  },
);

describe('the migration to records by account', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createEmptyDatabase();
  });
  afterEach(() => database.drop());
  const quiet = () => undefined;

  it('assigns a record shared by two accounts to the one read last, and marks what pulls created', async () => {
    const { ownerUrl: url, admin } = database;
    const [file] = (await readdir('db/migrations')).filter((name) => name.endsWith('.do.account-identity.sql'));
    const version = Number.parseInt(file ?? '', 10);
    await migrateUp({ url, log: quiet });
    await migrateDown({ url, to: version - 1, log: quiet });
    await admin`insert into venues (id, name, time_zone, currency) values ('00000000-0000-7000-8000-000000000001', 'A venue', 'UTC', 'EUR')`;
    const id = (name: string) => `00000000-0000-7000-8000-${name.padStart(12, '0')}`;
    for (const name of ['a', 'b']) {
      await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id) values (${id(name)}, ${id('1')}, 'stripe', 'sandbox', 'active', ${`acct_${name}`})`;
      await admin`insert into sync_cursors (connection_id, resource, direction, venue_id, watermark) select ${id(name)}, resource, 'pull', ${id('1')}, now() from unnest(array['customers', 'products', 'transactions']) resource`;
    }
    const customer = (name: string, sourceId: string) =>
      admin`insert into customers (id, venue_id, source_id) values (${id(name)}, ${id('1')}, ${sourceId})`;
    const link = (
      of: string,
      name: string,
      [resource, externalId, syncedAt, state]: readonly [string, string, string, string?],
    ) => admin`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, external_version, state, synced_at)
      values (${id(of)}, ${resource}, ${id(name)}, ${id('1')}, ${externalId}, 5, ${state ?? 'linked'}, ${syncedAt})`;
    await customer('c1', 'stripe:cus_1');
    await link('a', 'c1', ['customers', 'cus_1', '2026-11-01']);
    await link('b', 'c1', ['customers', 'cus_1', '2026-11-02']);
    await customer('c2', 'mine');
    await link('a', 'c2', ['customers', 'cus_2', '2026-11-01']);
    await link('b', 'c2', ['customers', 'cus_2b', '2026-11-01', 'gone']);
    for (const each of ['a', 'b']) {
      await admin`insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status, customer_source_id, customer_external_id)
        values (${id(`7${each}`)}, ${id('1')}, ${`stripe:ch_${each}`}, 'payment', now(), 1, 'EUR', 'succeeded', 'stripe:cus_1', 'cus_1')`;
      await link(each, `7${each}`, ['transactions', `ch_${each}`, '2026-11-01']);
    }
    await admin`insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status) values (${id('90')}, ${id('1')}, 'stripe:pi_1', 'payment', now(), 1, 'EUR', 'pending')`;
    await link('a', '90', ['transactions', 'pi_1', '2026-11-01', 'gone']);

    await migrateUp({ url, log: quiet });

    const links = await admin<
      { of: string; external_id: string; brought: boolean; write_attempt: number; external_version: string }[]
    >`
      select n.external_account_id as of, l.external_id, l.brought, l.write_attempt, l.external_version from record_links l join connections n on n.id = l.connection_id order by l.external_id, of`;
    expect(
      links.map((one) => `${one.of} ${one.external_id} ${one.brought} ${one.write_attempt} ${one.external_version}`),
    ).toEqual([
      'acct_a ch_a true 0 5',
      'acct_b ch_b true 0 5',
      'acct_b cus_1 true 0 5',
      'acct_a cus_2 false 0 5',
      'acct_b cus_2b false 1 5',
      'acct_a pi_1 true 1 9007199254740991',
    ]);
    const cursors = await admin<
      { of: string; resource: string }[]
    >`select n.external_account_id as of, s.resource from sync_cursors s join connections n on n.id = s.connection_id order by 1, 2`;
    expect(cursors.map(({ of, resource }) => `${of} ${resource}`)).toEqual([
      'acct_a products',
      'acct_a transactions',
      'acct_b customers',
      'acct_b products',
      'acct_b transactions',
    ]);
    const references = await admin<
      { source_id: string; customer_source_id: string | null }[]
    >`select source_id, customer_source_id from transactions where source_id like 'stripe:ch%' order by source_id`;
    expect(references.map((one) => one.customer_source_id)).toEqual([null, 'stripe:cus_1']);
  });
});
