import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { customers } from '../../../records/customers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { listRecords } from '../../support/list-records.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createMailchimpSyncWorld } from '../push/mailchimp-world.ts';
import { createQuickBooksSyncWorld } from '../push/quickbooks-world.ts';
import { createXeroSyncWorld } from '../push/xero-world.ts';

type World = Pick<
  Awaited<ReturnType<typeof createXeroSyncWorld>>,
  'customers' | 'database' | 'sync' | 'logOf' | 'close'
>;
type WireObject = Readonly<Record<string, unknown>>;

interface Books {
  readonly world: World;
  /** Two venues that are connected to one new account. */
  twoVenues(): Promise<readonly [TestVenue, TestVenue]>;
  /** The phone numbers of what is in use. */
  phones(): Promise<readonly unknown[]>;
  /** The provider’s clock goes on, so that a change is later than the one before. */
  later(): Promise<unknown>;
}

async function quickbooks(): Promise<Books> {
  const world = await createQuickBooksSyncWorld();
  let company: Awaited<ReturnType<typeof world.aQuickBooksVenue>>['company'];
  let aheadMs = 0;
  return {
    world,
    async twoVenues() {
      const first = await world.aQuickBooksVenue();
      ({ company } = first);
      return [first, await world.connectCompany((await world.aVenue('unused')).venueId, company)];
    },
    phones: async () =>
      (await company.objects<WireObject>('Customer'))
        .filter((one) => one['Active'] !== false)
        .map((one) => (one['PrimaryPhone'] as WireObject)['FreeFormNumber']),
    later: () => world.quickbooks.clock((aheadMs += 2_000)),
  };
}

async function xero(): Promise<Books> {
  const world = await createXeroSyncWorld();
  let organisation: Awaited<ReturnType<typeof world.aXeroVenue>>['organisation'];
  let aheadMs = 0;
  return {
    world,
    async twoVenues() {
      const first = await world.aXeroVenue();
      ({ organisation } = first);
      return [first, await world.connectOrganisation((await world.aVenue('unused')).venueId, organisation)];
    },
    phones: async () =>
      (await organisation.objects<WireObject>('Contacts'))
        .filter((one) => one['ContactStatus'] === 'ACTIVE')
        .map((one) => (one['Phones'] as readonly WireObject[]).find(({ PhoneType }) => PhoneType === 'DEFAULT'))
        .map((phone) => phone?.['PhoneNumber']),
    later: () => world.xero.clock((aheadMs += 2_000)),
  };
}

async function mailchimp(): Promise<Books> {
  const world = await createMailchimpSyncWorld();
  let account: Awaited<ReturnType<typeof world.aMailchimpVenue>>['account'];
  let aheadMs = 0;
  return {
    world,
    async twoVenues() {
      const first = await world.aMailchimpVenue();
      ({ account } = first);
      const { apiKey: secretKey, id } = account;
      const { venueId } = await world.aVenue('unused');
      return [first, await world.connect(venueId, { secretKey, id, environment: 'production' })];
    },
    phones: async () =>
      (await account.objects<WireObject>('members'))
        .filter((one) => one['status'] !== 'archived')
        .map((one) => (one['merge_fields'] as WireObject)['PHONE']),
    later: () => world.mailchimp.clock((aheadMs += 2_000)),
  };
}

const ADA = { sourceId: 'ada', name: 'Ada Lovelace', email: 'ada@example.com', phone: '+441' } as const;

describe.each<[string, string | null, () => Promise<Books>]>([
  // A name and an address are one customer, who says of no venue's record that made it.
  ['QuickBooks', null, quickbooks],
  ['Xero', 'duplicate-name', xero],
  // An address is one member, whoever knows it.
  ['Mailchimp', null, mailchimp],
])('two venues that share an account of %s', (_provider, refusal, start) => {
  let books: Books;
  let one: TestVenue;
  let other: TestVenue;
  beforeAll(async () => {
    books = await start();
  });
  afterAll(() => books.world.close());
  beforeEach(async () => {
    [one, other] = await books.twoVenues();
  });
  const load = (venue: TestVenue, change: object = {}) =>
    books.world.customers.upsertMany(venue.venueId, [{ ...ADA, ...change }] as never);
  const run = async (venue: TestVenue, direction: 'push' | 'pull' | 'both', mode: 'full' | 'incremental' = 'full') => {
    await books.later();
    return books.world.sync(venue, direction, mode, { resource: 'customers' });
  };
  const recordsOf = async ({ venueId }: TestVenue, includeDeleted = false) =>
    (
      await listRecords(createRecordStore(books.world.database.db, customers), venueId, {
        page: { limit: 10, after: null },
        filter: { includeDeleted },
      })
    ).data;

  it('carry what either changes to the other, and never exchange records', async () => {
    await load(one);
    await run(one, 'both');
    await run(other, 'both');
    const [theirs] = await recordsOf(other);
    expect(theirs).toMatchObject({ name: ADA.name, phone: ADA.phone });
    expect(theirs?.id).not.toBe((await recordsOf(one))[0]?.id);

    await books.world.customers.upsertMany(other.venueId, [
      { ...ADA, sourceId: theirs?.sourceId, phone: '+442' },
    ] as never);
    expect(await run(other, 'both', 'incremental')).toMatchObject({ counts: { updated: 1, rejected: 0 } });
    expect(await books.phones()).toEqual(['+442']);
    await run(one, 'both', 'incremental');
    expect(await recordsOf(one)).toMatchObject([{ sourceId: 'ada', phone: '+442' }]);
    for (const venue of [one, other, one, other])
      expect(await run(venue, 'both')).toMatchObject({ counts: { created: 0, updated: 0, archived: 0 } });
  });

  it('have a deletion of one reach the other, which brings nothing back', async () => {
    await load(one);
    await run(one, 'both');
    await run(other, 'both');
    await books.world.database.admin`
      update customers set deleted_at = now(), version = version + 1 where venue_id = ${one.venueId}`;
    expect(await run(one, 'both')).toMatchObject({ counts: { archived: 1 } });
    await run(other, 'both');
    expect(await recordsOf(other)).toEqual([]);
    for (const venue of [one, other]) await run(venue, 'both');
    expect(await books.phones()).toEqual([]);
  });

  it('do not double what both push by one name and address', async () => {
    await load(one);
    await load(other, { phone: '+443' });
    await run(one, 'push');
    const second = await run(other, 'push');
    expect(await books.phones()).toHaveLength(1);
    const codes = (await books.world.logOf(other, second.syncId))
      .filter(({ action }) => action === 'rejected')
      .map(({ code }) => code);
    expect(codes).toEqual(refusal === null ? [] : [refusal]);
  });
});
