import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { TransactionFields } from '../../../records/transactions.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { createTransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import type { SummaryFilter, TransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';
import { transactions as transactionKind } from '../../../records/transactions.ts';

const ALL: SummaryFilter = { from: '2026-01-01', to: '2026-12-31', timeZone: 'Europe/Berlin', status: null };

describe('sums of transactions', () => {
  let database: TestDatabase;
  let transactions: RecordStore<TransactionFields>;
  let summaries: TransactionSummaryStore;
  let venueId: VenueId;
  let count = 0;
  beforeAll(async () => {
    database = await createTestDatabase();
    transactions = createRecordStore(database.db, transactionKind);
    summaries = createTransactionSummaryStore(database.db);
  });
  beforeEach(async () => {
    venueId = await aVenue(database.db);
  });
  afterAll(() => database.drop());

  async function write(occurredAt: string, change: Partial<TransactionFields> = {}): Promise<string> {
    const sourceId = `t${(count += 1)}`;
    const verdicts = await transactions.upsertMany(venueId, [
      { sourceId, kind: 'payment', occurredAt, amountMinor: 100, currency: 'EUR', status: 'succeeded', ...change },
    ]);
    expect(verdicts).toEqual(['created']);
    return sourceId;
  }
  const days = async (filter: Partial<SummaryFilter>) =>
    (await summaries.summarise(venueId, { ...ALL, ...filter })).map(({ day, count: rows }) => `${day} ${rows}`);

  it('are grouped by day, kind, currency and connection, with the known fees', async () => {
    await write('2026-05-01T10:00:00Z', { feeMinor: 3 });
    await write('2026-05-01T11:00:00Z', { amountMinor: 250 });
    await write('2026-05-01T12:00:00Z', { kind: 'refund', amountMinor: -40, feeMinor: -1 });
    await write('2026-05-01T12:00:00Z', { currency: 'USD' });
    await write('2026-05-02T12:00:00Z');
    const sum = { day: '2026-05-01', kind: 'payment', currency: 'EUR', connectionId: null };
    expect(await summaries.summarise(venueId, ALL)).toEqual([
      { ...sum, count: 2, amountMinor: 350n, feeMinor: 3n },
      { ...sum, currency: 'USD', count: 1, amountMinor: 100n, feeMinor: 0n },
      { ...sum, kind: 'refund', count: 1, amountMinor: -40n, feeMinor: -1n },
      { ...sum, day: '2026-05-02', count: 1, amountMinor: 100n, feeMinor: 0n },
    ]);
    expect(await days({ kind: 'refund' })).toEqual(['2026-05-01 1']);
    expect(await days({ currency: 'USD' })).toEqual(['2026-05-01 1']);
  });

  it('take the days of a provider that tells no times as they are, beside those of others', async () => {
    const [dated, timed] = [await aConnection(database.db, venueId), await aConnection(database.db, venueId)];
    await database.admin`update connections set provider = 'quickbooks' where id = ${dated.id}`;
    for (const { id } of [dated, timed])
      await database.admin`
        insert into record_links (connection_id, resource, record_id, venue_id, state)
        select ${id}, 'transactions', id, venue_id, 'linked' from transactions
        where venue_id = ${venueId} and source_id = ${await write('2026-05-02T00:00:00Z')}`;
    const west = { ...ALL, timeZone: 'America/New_York' };
    const sums = await createTransactionSummaryStore(database.db, ['quickbooks']).summarise(venueId, west);
    expect(new Map(sums.map(({ connectionId, day }) => [connectionId, day]))).toEqual(
      new Map([
        [dated.id, '2026-05-02'],
        [timed.id, '2026-05-01'],
      ]),
    );
    const ofTheDay = { ...west, from: '2026-05-02', to: '2026-05-02' };
    expect(await createTransactionSummaryStore(database.db, ['quickbooks']).summarise(venueId, ofTheDay)).toMatchObject(
      [{ connectionId: dated.id, count: 1 }],
    );
  });

  it('separate connections, count a transaction linked to two once, and the venue’s own under none', async () => {
    const [one, two] = [await aConnection(database.db, venueId), await aConnection(database.db, venueId)];
    const link = (sourceId: string, connectionId: ConnectionId, createdAt: string) => database.admin`
      insert into record_links (connection_id, resource, record_id, venue_id, state, created_at)
      select ${connectionId}, 'transactions', id, venue_id, 'linked', ${createdAt} from transactions where venue_id = ${venueId} and source_id = ${sourceId}`;
    const [shared, second] = [
      await write('2026-05-01T10:00:00Z'),
      await write('2026-05-01T10:00:00Z', { amountMinor: 7 }),
    ];
    await write('2026-05-01T10:00:00Z', { amountMinor: 1 });
    await link(shared, two.id, '2026-01-02');
    await link(shared, one.id, '2026-01-01');
    await link(second, two.id, '2026-01-01');
    const amounts = async (filter: Partial<SummaryFilter>) =>
      new Map(
        (await summaries.summarise(venueId, { ...ALL, ...filter })).map(({ connectionId, amountMinor }) => [
          connectionId,
          amountMinor,
        ]),
      );
    expect(await amounts({})).toEqual(
      new Map<ConnectionId | null, bigint>([
        [null, 1n],
        [one.id, 100n],
        [two.id, 7n],
      ]),
    );
    expect(await amounts({ connectionId: two.id })).toEqual(new Map([[two.id, 7n]]));
  });

  it('start and end their days at midnight of the zone, even when the clocks change', async () => {
    // Berlin: +01:00 until 2026-03-29T01:00Z, +02:00 until 2026-10-25T01:00Z.
    for (const at of [
      '2026-03-28T22:59:59.999Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T21:59:59.999Z',
      '2026-03-29T22:00:00Z',
    ])
      await write(at);
    for (const at of [
      '2026-10-24T21:59:59.999Z',
      '2026-10-24T22:00:00Z',
      '2026-10-25T22:59:59.999Z',
      '2026-10-25T23:00:00Z',
    ])
      await write(at);
    expect(await days({})).toEqual([
      '2026-03-28 1',
      '2026-03-29 2',
      '2026-03-30 1',
      '2026-10-24 1',
      '2026-10-25 2',
      '2026-10-26 1',
    ]);
    expect(await days({ from: '2026-03-29', to: '2026-03-29' })).toEqual(['2026-03-29 2']);
    expect(await days({ from: '2026-10-25', to: '2026-10-25' })).toEqual(['2026-10-25 2']);
    expect(await days({ from: '2026-03-29', to: '2026-03-29', timeZone: 'UTC' })).toEqual(['2026-03-29 2']);
    expect(await days({ from: '2026-03-28', to: '2026-03-28', timeZone: 'UTC' })).toEqual(['2026-03-28 2']);
  });

  it('include every transaction of a day whose midnight occurs twice or never', async () => {
    // Havana sets its clocks back from 01:00 to 00:00 on 2026-11-01, and forward from 00:00 to 01:00 on 2026-03-08.
    for (const at of [
      '2026-11-01T03:59:59Z',
      '2026-11-01T04:30:00Z',
      '2026-11-01T05:30:00Z',
      '2026-11-02T04:59:59Z',
      '2026-11-02T05:00:00Z',
    ])
      await write(at);
    for (const at of ['2026-03-08T04:59:59Z', '2026-03-08T05:00:00Z', '2026-03-09T03:59:59Z', '2026-03-09T04:00:00Z'])
      await write(at);
    expect(await days({ from: '2026-11-01', to: '2026-11-01', timeZone: 'America/Havana' })).toEqual(['2026-11-01 3']);
    expect(await days({ from: '2026-03-08', to: '2026-03-08', timeZone: 'America/Havana' })).toEqual(['2026-03-08 2']);
  });

  it('count moved money: every dispute with the amount taken, whatever its outcome, and nothing deleted, pending, failed or cancelled', async () => {
    const gone = await write('2026-05-01T10:00:00Z');
    await database.admin`update transactions set deleted_at = now() where venue_id = ${venueId} and source_id = ${gone}`;
    for (const status of ['pending', 'failed', 'cancelled'] as const) await write('2026-05-02T10:00:00Z', { status });
    for (const status of ['pending', 'won', 'lost'] as const)
      await write('2026-05-03T10:00:00Z', { kind: 'dispute', status, amountMinor: -100 });
    expect(await days({})).toEqual(['2026-05-03 3']);
    expect(await days({ status: 'failed' })).toEqual(['2026-05-02 1']);
  });

  it('count posted transactions when that is known, whatever their status', async () => {
    await write('2026-05-01T10:00:00Z', { status: 'failed', posted: true });
    await write('2026-05-02T10:00:00Z', { status: 'pending', posted: true });
    await write('2026-05-03T10:00:00Z', { status: 'succeeded', posted: false });
    await write('2026-05-04T10:00:00Z', { kind: 'dispute', status: 'pending', posted: false });
    expect(await days({})).toEqual(['2026-05-01 1', '2026-05-02 1']);
    expect(await days({ status: 'succeeded' })).toEqual(['2026-05-03 1']);
  });

  it('are exact beyond the range of a number', async () => {
    for (let index = 0; index < 3; index += 1)
      await write('2026-05-01T10:00:00Z', { amountMinor: Number.MAX_SAFE_INTEGER });
    expect(await summaries.summarise(venueId, ALL)).toMatchObject([{ amountMinor: 27_021_597_764_222_973n }]);
  });

  it('include nothing of another venue', async () => {
    await write('2026-05-01T10:00:00Z');
    expect(await summaries.summarise(await aVenue(database.db), ALL)).toEqual([]);
  });
});
