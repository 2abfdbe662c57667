import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createMailchimpSyncWorld } from './mailchimp-world.ts';
import { createQuickBooksSyncWorld } from './quickbooks-world.ts';
import { createXeroSyncWorld } from './xero-world.ts';

type World = Pick<
  Awaited<ReturnType<typeof createXeroSyncWorld>>,
  'customers' | 'database' | 'sync' | 'logOf' | 'close'
>;
type Venue = Parameters<World['sync']>[0];
type WireObject = Readonly<Record<string, unknown>>;

interface Books {
  readonly world: World;
  aVenue(): Promise<Venue>;
  /** What is in use. */
  names(): Promise<readonly unknown[]>;
}

const nameOf = (one: WireObject, name: string) => one[name];

describe.each<[string, () => Promise<Books>]>([
  [
    'QuickBooks',
    async () => {
      const world = await createQuickBooksSyncWorld();
      let venue: Awaited<ReturnType<typeof world.aQuickBooksVenue>>;
      return {
        world,
        aVenue: async () => (venue = await world.aQuickBooksVenue()),
        names: async () =>
          (await venue.company.objects<WireObject>('Customer'))
            .filter((one) => one['Active'] !== false)
            .map((one) => nameOf(one, 'DisplayName')),
      };
    },
  ],
  [
    'Xero',
    async () => {
      const world = await createXeroSyncWorld();
      let venue: Awaited<ReturnType<typeof world.aXeroVenue>>;
      return {
        world,
        aVenue: async () => (venue = await world.aXeroVenue()),
        names: async () =>
          (await venue.organisation.objects<WireObject>('Contacts'))
            .filter((one) => one['ContactStatus'] === 'ACTIVE')
            .map((one) => nameOf(one, 'Name')),
      };
    },
  ],
  [
    'Mailchimp',
    async () => {
      const world = await createMailchimpSyncWorld();
      let venue: Awaited<ReturnType<typeof world.aMailchimpVenue>>;
      return {
        world,
        aVenue: async () => (venue = await world.aMailchimpVenue()),
        names: async () =>
          (await venue.account.objects<WireObject>('members'))
            .filter((one) => one['status'] !== 'archived')
            .map((one) => nameOf(one, 'full_name')),
      };
    },
  ],
])('a record of the same name and address as one that was deleted, at %s', (_provider, start) => {
  let books: Books;
  let venue: Venue;
  beforeAll(async () => {
    books = await start();
  });
  afterAll(() => books.world.close());
  beforeEach(async () => {
    venue = await books.aVenue();
  });
  const load = (sourceId: string) =>
    books.world.customers.upsertMany(venue.venueId, [
      { sourceId, name: 'Ada Lovelace', email: 'ada@example.com' },
    ] as never);
  const push = () => books.world.sync(venue, 'push', 'full', { resource: 'customers' });

  it('is written by the run that takes the other out of use', async () => {
    await load('old');
    await push();
    await books.world.database.admin`
      update customers set deleted_at = now(), version = version + 1 where venue_id = ${venue.venueId}`;
    await load('new');
    expect(await push()).toMatchObject({ outcome: 'completed', counts: { archived: 1, created: 1, rejected: 0 } });
    expect(await books.names()).toEqual(['Ada Lovelace']);
    expect((await push()).counts).toMatchObject({ created: 0, updated: 0, archived: 0, unchanged: 1 });
  });
});
