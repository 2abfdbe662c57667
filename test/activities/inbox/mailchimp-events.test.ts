import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createMailchimpSyncWorld } from '../push/mailchimp-world.ts';
import type { MailchimpSyncWorld, MailchimpVenue } from '../push/mailchimp-world.ts';

let world: MailchimpSyncWorld;
let inbox: EventWorld;
let venue: MailchimpVenue;
/** The `contact_id` of the only member. */
let ada: string;

beforeAll(async () => {
  world = await createMailchimpSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.database.admin`truncate webhook_events cascade`;
  venue = await world.aMailchimpVenue();
  [ada = ''] = await venue.account.put('members', [{ email_address: 'ada@example.com' }]);
  await world.sync(venue, 'pull', 'full');
});

const flat = (value: object, prefix = ''): [string, string][] =>
  Object.entries(value).flatMap(([name, member]: [string, unknown]) => {
    const key = prefix === '' ? name : `${prefix}[${name}]`;
    return typeof member === 'object' && member !== null
      ? flat(member, key)
      : [[key, String(member)] as [string, string]];
  });

/** Keeps events as the connection's own address does, whose sender is known by the address alone. */
async function keep(events: readonly object[]): Promise<void> {
  const { connectionId, account } = venue;
  for (const event of events)
    await createInboxStore(world.database.db).keep([
      {
        ...{ provider: 'mailchimp', endpoint: connectionId, eventKey: randomUUID(), partition: 1 },
        type: (event as { readonly type: string }).type,
        account: { environment: 'production', externalAccountId: account.id },
        body: Buffer.from(new URLSearchParams(flat(event)).toString()),
        headers: {},
      },
    ]);
}
const customers = () =>
  world.database.admin<
    { email: string; name: string | null; marketing_consent: boolean | null; deleted_at: unknown }[]
  >`
    select email, name, marketing_consent, deleted_at from customers where venue_id = ${venue.venueId} order by created_at`;
const states = async () =>
  (await world.database.admin<{ state: string }[]>`select state from webhook_events order by id`).map(
    ({ state }) => state,
  );
const effects = async () =>
  (await world.database.admin<{ kind: string }[]>`select kind from webhook_event_effects`).map(({ kind }) => kind);

describe('an event of Mailchimp', () => {
  it.each([
    ['subscribe', { email: 'grace@example.com' }, { email: 'grace@example.com', marketing_consent: true }],
    ['unsubscribe', {}, { email: 'ada@example.com', marketing_consent: false }],
    ['bounce', {}, { email: 'ada@example.com', marketing_consent: false }],
    ['edit', { fields: { FNAME: 'Ada', LNAME: 'King' } }, { email: 'ada@example.com', name: 'Ada King' }],
  ])('that follows %s has the member read again, and changes its record', async (act, more, expected) => {
    const { events } = await venue.account.act({ act, ...(act !== 'subscribe' && { member: ada }), ...more });
    await keep(events);
    await inbox.drain();
    expect((await customers()).at(-1)).toMatchObject(expected);
    expect(await states()).toEqual(['applied']);
    expect(await effects()).toEqual([act === 'subscribe' ? 'created' : 'updated']);
  });

  it.each([
    ['before the change is visible', 'before'],
    ['after it', 'after'],
    ['twice', 'twice'],
  ])('of a new address moves the record and makes no other: %s', async (_when, when) => {
    const change = { act: 'change-address', member: ada, email: 'countess@example.com' };
    if (when === 'before') {
      const fired_at = '2026-11-29 03:00:00';
      const data = {
        new_id: 'x',
        new_email: 'countess@example.com',
        old_email: 'ada@example.com',
        list_id: venue.account.list,
      };
      await keep([{ type: 'upemail', fired_at, data }]);
      await inbox.drain();
      expect(await customers()).toMatchObject([{ email: 'ada@example.com', deleted_at: null }]);
    }
    const { events } = await venue.account.act(change);
    expect(events.map(({ type }) => type)).toEqual(['upemail', 'profile']);
    await keep(when === 'twice' ? [...events, ...events] : events);
    await inbox.drain();
    expect(await customers()).toMatchObject([{ email: 'countess@example.com', deleted_at: null }]);
    expect(new Set(await states())).toEqual(new Set(['applied']));
    await world.sync(venue, 'pull', 'full');
    expect(await customers()).toHaveLength(1);
  });

  it('that says what is not so changes nothing: it is a hint, and anybody who knows the address may send one', async () => {
    const data = { email: 'ada@example.com', list_id: venue.account.list, merges: { FNAME: 'Mallory' } };
    await keep([
      { type: 'unsubscribe', fired_at: 'x', data },
      { type: 'profile', fired_at: 'x', data },
      { type: 'profile', fired_at: 'x', data: { ...data, email: 'nobody@example.com' } },
    ]);
    await inbox.drain();
    expect(await customers()).toMatchObject([
      { email: 'ada@example.com', name: null, marketing_consent: true, deleted_at: null },
    ]);
  });

  it('of a campaign, or of no known type, is kept and ignored', async () => {
    const data = { id: '5aa2102003', subject: 'x', status: 'sent', list_id: venue.account.list };
    await keep(['campaign', 'new-one'].map((type) => ({ type, fired_at: 'x', data })));
    await inbox.drain();
    expect(await states()).toEqual(['ignored', 'ignored']);
  });

  it('that waited for an adapter is applied once the sweep releases it', async () => {
    const { events } = await venue.account.act({ act: 'unsubscribe', member: ada });
    await keep(events);
    await world.database.admin`update webhook_events set state = 'waiting-for-adapter', attempts = 1`;
    expect(await createInboxStore(world.database.db).releaseWaiting(['mailchimp'], 100)).toEqual([1]);
    await inbox.drain();
    expect(await customers()).toMatchObject([{ marketing_consent: false }]);
    expect(await states()).toEqual(['applied']);
  });
});

describe('a run against Mailchimp', () => {
  it('makes at most two calls for a pull with nothing new, and writes 1,100 members by three batches', async () => {
    const before = (await venue.account.calls()).length;
    expect(await world.sync(venue, 'pull', 'incremental')).toMatchObject({ outcome: 'completed' });
    expect((await venue.account.calls()).length - before).toBeLessThanOrEqual(2);
    await world.load(venue, 1_100, (index) => ({ email: `customer-${index}@example.com`, marketingConsent: true }));
    expect(await world.sync(venue, 'push', 'full')).toMatchObject({
      outcome: 'completed',
      counts: { created: 1_100, rejected: 0 },
    });
    const batches = (await venue.account.calls()).filter(({ method }) => method === 'POST');
    expect(batches).toHaveLength(3);
  });

  it('ties a record to the member that has its address already, and tells a second record of that address', async () => {
    venue = await world.aMailchimpVenue();
    const [id] = await venue.account.put('members', [{ email_address: 'ada@example.com' }]);
    await world.load(venue, 2, () => ({ email: 'ADA@example.com', name: 'Ada King' }));
    const summary = await world.sync(venue, 'push', 'full');
    expect(summary.counts).toMatchObject({ rejected: 1 });
    const log = await world.database.admin<{ code: string | null }[]>`
      select code from sync_logs where sync_id = ${summary.syncId} and code is not null`;
    expect(log.map(({ code }) => code)).toContain('duplicate-address');
    expect(await venue.account.objects('members')).toMatchObject([{ contact_id: id, merge_fields: { FNAME: 'Ada' } }]);
  });
});
