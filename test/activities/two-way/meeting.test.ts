import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MergePolicy } from '../../../contracts/records.ts';
import { listRecords } from '../../support/list-records.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createMailchimpSyncWorld } from '../push/mailchimp-world.ts';
import { meetingAtMailchimp, meetingAtQuickBooks, meetingAtXero } from './meeting-world.ts';
import type { MeetingVenue, MeetingWorld, Person } from './meeting-world.ts';

const person = (index: number, more: Partial<Person> = {}): Person => ({
  ...{ name: `Ada ${index}`, email: `ada-${index}@example.com`, phone: `+49 ${index}` },
  ...more,
});
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

/** People whom both sides hold: most of them alike. */
const THERE: readonly Person[] = [
  ...range(10, 20).map((index) => person(index)),
  ...range(20, 24).map((index) => person(index, { phone: '+1 there' })),
  ...range(24, 26).map((index) => person(index)),
  ...range(26, 28).map((index) => person(index, { phone: null })),
  person(28, { email: 'ADA-28@Example.com' }),
  // Two records of the venue are this person.
  person(29),
  // Only there.
  person(31),
];
const HERE: readonly Person[] = [
  ...range(10, 20).map((index) => person(index)),
  ...range(20, 24).map((index) => person(index, { phone: '+1 here' })),
  ...range(24, 26).map((index) => person(index, { phone: null })),
  ...range(26, 28).map((index) => person(index)),
  person(28),
  person(29, { phone: null }),
  person(29, { phone: null }),
  // Only here.
  person(30),
];

describe('members whom Mailchimp has with a complete address', () => {
  it.each(['venue', 'newest', 'review'] as const)(
    'keep it where the record’s lacks a region, by the policy %s',
    async (policy) => {
      const world = await createMailchimpSyncWorld();
      try {
        const venue = await world.aMailchimpVenue();
        await world.database.admin`
        insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
        values (${venue.connectionId}, 'customers', 1, ${venue.venueId}, ${world.database.admin.json({ policy, fields: [] })}, true, 'test')`;
        const ADDRESS = { addr1: '1 Quay', addr2: '', city: 'Bonn', state: 'NW', zip: '53111', country: 'DE' };
        await venue.account.put('members', [
          {
            email_address: 'ada@example.com',
            merge_fields: { FNAME: 'Ada', LNAME: '', ADDRESS, PHONE: '', BIRTHDAY: '' },
          },
        ]);
        const address = {
          line1: '1 Quay',
          line2: null,
          city: 'Bonn',
          region: null,
          postalCode: '53111',
          country: 'DE',
        };
        await world.load(venue, 1, () => ({ name: 'Ada', email: 'ada@example.com', phone: '+49', address }));
        expect((await world.sync(venue, 'both')).counts).toMatchObject({ created: 0, rejected: 0, conflicts: 1 });
        await world.load(venue, 1, () => ({ name: 'Ada', phone: '+491' }));
        await world.sync(venue, 'both', 'incremental');
        const [member] = await venue.account.objects<{ readonly merge_fields: object }>('members');
        expect(member?.merge_fields).toMatchObject({ ADDRESS: { state: 'NW' }, PHONE: '+491' });
        const page = { limit: 5, after: null };
        const { data } = await listRecords(world.customers, venue.venueId, { filter: { includeDeleted: false }, page });
        expect(data).toMatchObject([{ address }]);
      } finally {
        await world.close();
      }
    },
  );
});

describe.each<[string, () => Promise<MeetingWorld>]>([
  ['Mailchimp', meetingAtMailchimp],
  ['QuickBooks', meetingAtQuickBooks],
  ['Xero', meetingAtXero],
])('the first two-way run with customers who are at %s already', (_provider, start) => {
  let meeting: MeetingWorld;
  let venue: MeetingVenue;
  beforeAll(async () => {
    meeting = await start();
  });
  afterAll(() => meeting.world.close());
  beforeEach(async () => {
    venue = await meeting.aVenue();
  });

  const load = (people: readonly Person[], { venueId }: TestVenue = venue, prefix = 'c') =>
    meeting.world.customers.upsertMany(
      venueId,
      people.map((one, index) => ({ sourceId: `${prefix}-${index}`, ...one })),
    );
  const both = (mode: 'full' | 'incremental' = 'full', more: object = {}) =>
    meeting.world.sync(venue, 'both', mode, more);
  const records = async ({ venueId }: TestVenue = venue) => {
    const page = { limit: 200, after: null };
    const { data } = await listRecords(meeting.world.customers, venueId, { filter: { includeDeleted: false }, page });
    return data.map(({ sourceId, name, email, phone, version }) => ({ sourceId, name, email, phone, version }));
  };
  const own = async () => (await records()).filter(({ sourceId }) => sourceId.startsWith('c-'));
  const phoneOf = async (index: number) => (await own()).find(({ name }) => name === person(index).name)?.phone;
  const phoneThere = async (index: number) =>
    (await venue.account.people()).find(({ name }) => name === person(index).name)?.phone;
  const conflicts = () => meeting.world.database.admin<{ fields: readonly { readonly field: string }[] }[]>`
    select fields from merge_conflicts where venue_id = ${venue.venueId} and state = 'open' order by id`;
  const setMapping = (definition: { readonly policy?: MergePolicy; readonly fields: readonly object[] }) =>
    meeting.world.database.admin`
      insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
      values (${venue.connectionId}, 'customers', 1, ${venue.venueId}, ${meeting.world.database.admin.json(definition as never)}, true, 'test')`;
  const state = async () => ({ records: await records(), people: await venue.account.people() });
  const settles = async () => {
    const before = await state();
    for (const mode of ['full', 'incremental'] as const)
      expect((await both(mode)).counts).toMatchObject({ created: 0, updated: 0, archived: 0 });
    expect(await state()).toEqual(before);
  };

  /** What every way to the end of the run ends with. */
  async function expectMet(): Promise<void> {
    // The ambiguous person and the one who is only there are records of their own.
    expect(await records()).toHaveLength(HERE.length + 2);
    expect(await own()).toHaveLength(HERE.length);
    const people = await venue.account.people();
    expect(people).toHaveLength(THERE.length + 1);
    expect(new Set(people.map(({ name }) => name)).size).toBe(people.length);
    for (const index of [...range(10, 20), ...range(24, 29), 30])
      expect([index, await phoneOf(index), await phoneThere(index)]).toEqual([index, `+49 ${index}`, `+49 ${index}`]);
    for (const index of range(20, 24))
      expect([await phoneOf(index), await phoneThere(index)]).toEqual(['+1 here', '+1 there']);
    expect((await conflicts()).map(({ fields }) => fields.map(({ field }) => field))).toEqual(
      range(20, 24).map(() => ['phone']),
    );
    expect(await phoneThere(29)).toBe('+49 29');
  }

  it('ties each to its one record, merges both, and clears nothing', async () => {
    await venue.account.enter(THERE);
    await load(HERE);
    const run = await both();
    // Created: the ambiguous and the one only there, here; the one only here, there.
    expect(run.counts).toMatchObject({ created: 3, updated: meeting.updated, conflicts: 4, rejected: 2, archived: 0 });
    await expectMet();
    const log = await meeting.world.logOf(venue, run.syncId);
    expect(log.filter(({ code }) => code === 'several-alike')).toHaveLength(1);
    expect(log.filter(({ code }) => code === meeting.refusal)).toHaveLength(2);
    expect(JSON.stringify(log)).not.toMatch(/Ada \d|@example/i);
    await settles();
  });

  it.each(['full', 'incremental'] as const)('does what its dry run has planned, also where it is %s', async (mode) => {
    if (mode === 'incremental') await both();
    await venue.account.enter(THERE);
    await load(HERE.filter(({ name }) => name !== person(29).name));
    const before = await state();
    const dry = await both(mode, { dryRun: true });
    expect(await state()).toEqual(before);
    const run = await both(mode, { planId: dry.syncId });
    const { created, updated, conflicts: inConflict, archived, rejected } = run.counts;
    expect(created).toBe(3);
    expect(dry.counts).toMatchObject({ created, updated, conflicts: inConflict, archived, rejected });
    const [row] = await meeting.world.database.admin<{ deviations: number }[]>`
      select deviation_count::int as deviations from sync_runs where id = ${run.syncId}`;
    expect(row?.deviations).toBe(0);
  });

  async function aRunWithALostAnswer() {
    await venue.account.enter(THERE);
    await load(HERE);
    await meeting.loseAnswer();
    const input = await meeting.world.open(venue, 'both', 'full');
    await meeting.world.begin(input);
    await expect(meeting.world.chunk(input)).rejects.toThrow();
    return input;
  }

  it('ends alike after a lost answer', async () => {
    const input = await aRunWithALostAnswer();
    expect(await meeting.world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await meeting.world.finish(input)).toMatchObject({ counts: { rejected: 2 } });
    await expectMet();
    await settles();
  });

  it('ends alike when another run takes up what an ended one has left', async () => {
    const input = await aRunWithALostAnswer();
    await meeting.world.finish(input, 'failed');
    expect((await both()).counts).toMatchObject({ rejected: 2 });
    await expectMet();
    await settles();
  });

  it.each([
    ['venue', '+1 here'],
    ['provider', '+1 there'],
  ] as const)('settles what differs by the policy %s', async (policy, winner) => {
    await setMapping({ policy, fields: [] });
    await venue.account.enter(THERE);
    await load(HERE);
    expect((await both()).counts).toMatchObject({ conflicts: 4 });
    for (const index of range(20, 24))
      expect([await phoneOf(index), await phoneThere(index)]).toEqual([winner, winner]);
    for (const index of range(24, 28))
      expect([await phoneOf(index), await phoneThere(index)]).toEqual([`+49 ${index}`, `+49 ${index}`]);
    expect(await conflicts()).toEqual([]);
    await settles();
  });

  it('carries later changes of both sides', async () => {
    await venue.account.enter([person(10), person(11)]);
    await load([person(10), person(11)]);
    await both();
    await meeting.tick();
    await venue.account.rephone(person(10).email, '+2 there');
    await load([person(10), person(11, { phone: '+2 here' })]);
    expect((await both('incremental')).counts).toMatchObject({ updated: 2, conflicts: 0, rejected: 0, created: 0 });
    expect([await phoneOf(10), await phoneThere(11)]).toEqual(['+2 there', '+2 here']);
  });

  it('ties a record whose first write was refused, and settles its dead letter', async () => {
    await venue.account.enter([person(10)]);
    await load([person(10, { email: null })]);
    expect((await meeting.world.sync(venue, 'push', 'full')).counts).toMatchObject({ rejected: 1 });
    await load([person(10)]);
    expect((await both('incremental')).counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await own()).toEqual(await records());
    const letters = await meeting.world.database
      .admin`select state from dead_letters where venue_id = ${venue.venueId}`;
    expect(letters.map(({ state: letter }) => String(letter))).toEqual(['resolved']);
    await settles();
  });

  it('ties a record under a mapping that sends its name and address as they are', async () => {
    await setMapping({ fields: [{ target: 'phone', source: 'metadata.mobile' }] });
    await venue.account.enter([person(10)]);
    await load([person(10, { phone: null })]);
    expect((await both()).counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await own()).toHaveLength(1);
    await settles();
  });

  it.each([
    ['of another field', { source: 'metadata.mail' }],
    ['of an expression', { expression: "'to-' & email" }],
  ])('ties no record whose address there is that %s', async (_, rule) => {
    await setMapping({ fields: [{ target: 'email', ...rule }] });
    await venue.account.enter([person(10)]);
    await load([person(10)]);
    await both();
    expect(await records()).toHaveLength(2);
    expect(await venue.account.people()).toContainEqual(person(10));
  });

  it('never ties another venue’s record', async () => {
    const apart = await meeting.aVenueApart();
    await load([person(10, { phone: null })], apart, 'x');
    const before = await records(apart);
    await venue.account.enter([person(10)]);
    expect((await both()).counts).toMatchObject({ created: 1, rejected: 0 });
    expect(await records()).toMatchObject([{ name: person(10).name, phone: person(10).phone }]);
    expect(await records(apart)).toEqual(before);
  });

  it('ties no record that the venue has deleted', async () => {
    await venue.account.enter([person(10)]);
    await load([person(10)]);
    await meeting.world.database.admin`
      update customers set deleted_at = now(), version = version + 1 where venue_id = ${venue.venueId}`;
    expect((await both()).counts).toMatchObject({ created: 1, archived: 0, rejected: 0 });
    expect(await venue.account.people()).toEqual([person(10)]);
  });

  it('leaves a pull as it is: whoever has no record becomes one', async () => {
    await venue.account.enter([person(10)]);
    await load([person(10)]);
    expect((await meeting.world.sync(venue, 'pull', 'full')).counts).toMatchObject({ created: 1, updated: 0 });
    expect(await records()).toHaveLength(2);
  });
});
