import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createMailchimpSyncWorld } from './mailchimp-world.ts';
import type { MailchimpSyncWorld, MailchimpVenue } from './mailchimp-world.ts';

const addressOf = (index: number) => `ada-${index}@example.com`;
const memberOf = (index: number, more: object = {}) => ({
  email_address: addressOf(index),
  merge_fields: { FNAME: 'Ada', LNAME: String(index), ADDRESS: '', PHONE: '', BIRTHDAY: '' },
  ...more,
});

interface MemberShown extends Readonly<Record<string, unknown>> {
  readonly email_address: string;
  readonly status: string;
  readonly merge_fields: { readonly FNAME: string };
}

describe('customers who are members already', () => {
  let world: MailchimpSyncWorld;
  beforeAll(async () => {
    world = await createMailchimpSyncWorld();
  });
  afterAll(() => world.close());

  const callsOf = async ({ account }: MailchimpVenue) => {
    const calls = await account.calls();
    const matching = (method: string, path: RegExp) =>
      calls.filter((call) => call.method === method && path.test(call.path)).length;
    return {
      batches: matching('POST', /\/lists\/[^/]+$/),
      pages: matching('GET', /\/members$/),
      single: matching('GET', /\/members\/[^/]+$/) + matching('PATCH', /\/members\/[^/]+$/),
    };
  };

  async function aVenueWithMembers(count: number, more: (index: number) => object = () => ({})) {
    const venue = await world.aMailchimpVenue();
    await venue.account.put(
      'members',
      Array.from({ length: count }, (_, index) => memberOf(index, more(index))),
    );
    return venue;
  }

  /** Every second one has another name at the venue than at Mailchimp. */
  const nameOf = (index: number): string => (index % 2 === 0 ? `Ada ${index}` : `Grace ${index}`);

  it('are tied to their members and brought up to date by few calls, without a change of consent', async () => {
    const statusOf = (index: number) => (index % 3 === 0 ? 'unsubscribed' : 'subscribed');
    const venue = await aVenueWithMembers(2_400, (index) => ({ status: statusOf(index) }));
    await world.load(venue, 1_200, (index) => ({ name: nameOf(2 * index + 1), email: addressOf(2 * index + 1) }));
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: 1_200, created: 0, rejected: 0 });
    // Three batches tell that the addresses are there, and three change the members.
    const { pages, ...calls } = await callsOf(venue);
    expect(calls).toEqual({ batches: 6, single: 0 });
    // Three, when all batches are looked for together; six, when the last is looked for before the one ahead of it.
    expect(pages).toBeGreaterThanOrEqual(3);
    expect(pages).toBeLessThanOrEqual(6);
    const members = await venue.account.objects<MemberShown>('members');
    expect(members).toHaveLength(2_400);
    for (const { email_address: address, merge_fields: fields, status } of members) {
      const index = Number(/\d+/.exec(address)?.[0]);
      expect([fields.FNAME, status]).toEqual([index % 2 === 0 ? 'Ada' : 'Grace', statusOf(index)]);
    }
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ unchanged: 1_200 });
  });

  it('are found in whatever order the venue has them', async () => {
    const venue = await aVenueWithMembers(2_400);
    await world.load(venue, 1_200, (index) => ({ name: nameOf(2_399 - index), email: addressOf(2_399 - index) }));
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 0, rejected: 0 });
    expect((await callsOf(venue)).single).toBe(0);
  });

  it('are looked up one by one where they are few, which costs less than a page of others', async () => {
    const venue = await aVenueWithMembers(1_500);
    await world.load(venue, 9, (index) => ({ name: `Ada ${index}`, email: addressOf(index) }));
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await callsOf(venue)).toMatchObject({ pages: 0, single: 18 });
  });

  it('are found by a look-up of each where they are not in the pages that were read', async () => {
    const venue = await aVenueWithMembers(6_500);
    await world.load(venue, 40, (index) => ({ name: `Ada ${index}`, email: addressOf(6_400 + index) }));
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await callsOf(venue)).toMatchObject({ pages: 4, single: 80 });
  });

  describe.each([
    ['looked up one by one', 2],
    ['found in pages', 30],
  ])('%s', (_, count) => {
    const ADDRESS = { addr1: '1 Quay', addr2: '', city: 'Bonn', state: 'NW', zip: '53111', country: 'DE' };
    const INCOMPLETE = { line1: '2 Quay', line2: null, city: 'Bonn', region: null, postalCode: '53111', country: 'DE' };
    const held = { FNAME: 'Ada', LNAME: 'Byron', PHONE: '+4912', ADDRESS };
    const LONG_AGO = '2020-01-01T00:00:00+00:00';
    const valuesOf = async ({ account }: MailchimpVenue) =>
      (await account.objects<MemberShown>('members')).map(({ merge_fields: fields }) => fields);
    const all = (values: object) => Array.from({ length: count }, () => expect.objectContaining(values) as object);
    async function aTiedVenue() {
      const venue = await aVenueWithMembers(count, () => ({ merge_fields: held }));
      await world.load(venue, count, (index) => ({ email: addressOf(index), address: INCOMPLETE }));
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 0, rejected: 0 });
      return venue;
    }
    const load = (venue: MailchimpVenue, fields: object) =>
      world.load(venue, count, (index) => ({ email: addressOf(index), ...fields }));

    it('keep what their record leaves empty or half, until it has said it itself', async () => {
      const venue = await aTiedVenue();
      expect(await valuesOf(venue)).toEqual(all(held));
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ unchanged: count });
      await load(venue, { name: 'Grace Hopper' });
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: count });
      expect(await valuesOf(venue)).toEqual(all({ ...held, FNAME: 'Grace', LNAME: 'Hopper' }));
      for (const phone of ['+4913', null]) {
        await load(venue, { phone });
        expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: count });
        expect(await valuesOf(venue)).toEqual(all({ FNAME: 'Grace', PHONE: phone ?? '', ADDRESS }));
      }
    });

    it('keep it also when the answer to their first change is lost', async () => {
      const venue = await aVenueWithMembers(count, () => ({ merge_fields: held, last_changed: LONG_AGO }));
      await load(venue, { name: 'Grace Hopper' });
      const match = count < 10 ? { method: 'PATCH' } : { method: 'POST', path: '/3.0/lists/[^/]+', nth: 2 };
      await world.mailchimp.fault({ kind: 'commit-then-fail', match, times: 1 });
      await expect(world.sync(venue, 'push')).rejects.toThrow('connection-failed');
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ created: 0, rejected: 0 });
      const changed = { ...held, FNAME: 'Grace', LNAME: 'Hopper' };
      expect(await valuesOf(venue)).toEqual(all(changed));
      await load(venue, { name: 'Grace Brewster' });
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: count });
      expect(await valuesOf(venue)).toEqual(all({ ...changed, LNAME: 'Brewster' }));
    });

    it.each(['added', 'changed'])(
      'stay when one of their records is deleted before it is told that they were %s',
      async (how) => {
        const venue = await aVenueWithMembers(count, () => ({ merge_fields: held, last_changed: LONG_AGO }));
        await load(venue, { name: 'Grace Hopper' });
        const lists = { method: 'POST', path: '/3.0/lists/[^/]+' };
        const lost = { kind: 'commit-then-fail', match: count < 10 ? { method: 'PATCH' } : { ...lists, nth: 2 } };
        const outage = { kind: 'status', status: 503, match: lists };
        await world.mailchimp.fault({ ...(how === 'added' ? outage : lost), times: 1 });
        await expect(world.sync(venue, 'push')).rejects.toThrow('unavailable');
        await world.database.admin`
        update customers set deleted_at = now(), version = version + 1, updated_at = now()
        where venue_id = ${venue.venueId} and source_id = 'c-0'`;
        expect((await world.sync(venue, 'push')).counts).toMatchObject({ archived: 0, rejected: 0 });
        const members = await venue.account.objects<MemberShown>('members');
        expect(new Set(members.map(({ status }) => status))).toEqual(new Set(['subscribed']));
      },
    );

    it('tell it to the venue by a pull, which then may clear it', async () => {
      const venue = await aTiedVenue();
      expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ updated: count, created: 0 });
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ unchanged: count });
      await load(venue, { phone: null });
      expect((await world.sync(venue, 'push')).counts).toMatchObject({ updated: count });
      expect(await valuesOf(venue)).toEqual(all({ FNAME: 'Ada', PHONE: '', ADDRESS }));
    });
  });

  it('are not taken from other records', async () => {
    const venue = await aVenueWithMembers(30);
    await world.load(venue, 30, (index) => ({ name: `Ada ${index}`, email: addressOf(index) }));
    await world.sync(venue, 'push');
    const others = createRecordStore(world.database.db, RECORD_KINDS.get('customers'));
    await others.upsertMany(
      venue.venueId,
      Array.from({ length: 30 }, (_, index) => ({
        ...{ sourceId: `other-${index}`, name: `Grace ${index}`, email: addressOf(index) },
      })),
    );
    expect((await world.sync(venue, 'push')).counts).toMatchObject({ unchanged: 30, rejected: 30, updated: 0 });
    const members = await venue.account.objects<MemberShown>('members');
    expect(new Set(members.map(({ merge_fields: { FNAME } }) => FNAME))).toEqual(new Set(['Ada']));
  });
});
