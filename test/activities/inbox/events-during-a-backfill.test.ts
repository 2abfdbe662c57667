import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { objectsOf } from '../../support/sandbox/answer-editing-proxy.ts';
import type { ProxiedAnswer } from '../../support/sandbox/answer-editing-proxy.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly object: { readonly id: string } };
}

/** Stripe's versions of an object are told apart by the second. */
const NEXT_SECOND_MS = 1_100;
const CUSTOMERS = 450;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let venue: TestVenue;
let account: string;
/** Events that were posted, and those that are to come late or never. */
let posted: Set<string>;
let late: StripeEvent[];
/** Objects of pages that were read, stored or on their way. */
let listed: Set<string>;
/** Objects that were changed already: each is changed in one way. */
let touched: Set<string>;

beforeAll(async () => {
  world = await createSyncWorld({ withProxy: true });
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  world.proxy.edit(null);
  await world.stripe.reset();
  await world.stripe.limits({ requestsPerSecond: 0 });
  await world.database.admin`update connections set state = 'disconnected'`;
  venue = await world.aVenue();
  account = await inbox.accountOf(venue);
  await world.database
    .admin`insert into subscriptions (id, venue_id, url) values (${uuidv7()}, ${venue.venueId}, 'https://a.example/')`;
  [posted, late, listed, touched] = [new Set(), [], new Set(), new Set()];
});

const rename = (id: string, name: string) => world.callStripe('POST', `customers/${id}`, { name });
const remove = (id: string) => world.callStripe('DELETE', `customers/${id}`);
/** Events of these objects that were not taken before, newest first. */
async function newEvents(ids: readonly string[]): Promise<readonly StripeEvent[]> {
  const { data } = await world.callStripe<{ readonly data: readonly StripeEvent[] }>('GET', 'events?limit=100');
  const events = data.filter((event) => ids.includes(event.data.object.id) && !posted.has(event.id));
  for (const { id } of events) posted.add(id);
  return events;
}
/** Sends each event twice, as it stands here and the other way round, and handles them. */
async function deliver(events: readonly StripeEvent[]): Promise<void> {
  for (const event of [...events, ...events.toReversed()]) await inbox.post('stripe', { ...event, account });
  await inbox.drain();
}
const stored = async () =>
  (
    await world.database.admin<{ id: string }[]>`
      select external_id as id from record_links where connection_id = ${venue.connectionId} and state = 'linked'`
  ).map(({ id }) => id);
/** What of the venue's is alive, by the provider's id. */
const alive = async () =>
  new Map(
    (
      await world.database.admin<{ id: string; name: string }[]>`
        select l.external_id as id, c.name from record_links l join customers c on c.id = l.record_id
        where l.connection_id = ${venue.connectionId} and c.deleted_at is null`
    ).map(({ id, name }) => [id, name]),
  );
const atStripe = async () =>
  new Map((await world.stripe.customers<{ id: string; name: string }>()).map(({ id, name }) => [id, name]));
/** Everything that subscribers were told of, added up. */
const told = async () => {
  const messages = await world.database.admin<{ counts: Readonly<Record<string, number>> }[]>`
    select data -> 'counts' as counts from outgoing_messages where venue_id = ${venue.venueId} and type = 'record.changed'`;
  const sum = (name: string) => messages.reduce((all, { counts }) => all + (counts[name] ?? 0), 0);
  return { created: sum('created'), updated: sum('updated'), archived: sum('archived') };
};

/** What has to be told: each effect once. */
interface Expected {
  created: number;
  updated: number;
  archived: number;
}

/** Changes objects while a page is on its way: it was read before, and is stored afterwards. */
async function changeMeanwhile(page: readonly string[], round: number, expected: Expected): Promise<void> {
  if (round % 2 === 1) await delay(NEXT_SECOND_MS);
  const known = new Set(await stored());
  const untouched = [...(await atStripe()).keys()].filter((id) => !touched.has(id));
  const onPage = untouched.filter((id) => page.includes(id) && !known.has(id));
  const before = untouched.filter((id) => known.has(id));
  const after = untouched.filter((id) => !listed.has(id));
  // A page may be listed again.
  if (onPage.length < 3) return;
  const [changed, gone, twice] = onPage as [string, string, string];
  await rename(changed, `on its page ${round}`);
  await remove(gone);
  await rename(twice, 'first');
  await rename(twice, `twice ${round}`);
  const fresh = await world.callStripe('POST', 'customers', { name: `new ${round}` });
  // The new one is created, and the one that is gone never is.
  const ids = [changed, gone, twice, fresh.id];
  if (after.length > 1) {
    const [coming, vanishing] = after as [string, string];
    await rename(coming, `before its page ${round}`);
    await remove(vanishing);
    expected.created -= 1;
    ids.push(coming, vanishing);
  }
  if (before.length > 3) {
    const [past, removed, delayed, silent] = before as [string, string, string, string];
    await rename(past, `after its page ${round}`);
    await remove(removed);
    await rename(delayed, `told late ${round}`);
    await rename(silent, `never told ${round}`);
    expected.updated += 3;
    expected.archived += 1;
    ids.push(past, removed);
    late.push(...(await newEvents([delayed])));
    await newEvents([silent]);
    touched.add(delayed).add(silent);
  }
  for (const id of ids) touched.add(id);
  await deliver(await newEvents(ids));
}

describe('events that arrive during a backfill', () => {
  it('lead to what the provider has, and are told once, before, during and after the page of their object', async () => {
    await world.stripe.seed({ resource: 'customers', count: CUSTOMERS });
    // Events of the time before the backfill are none that arrive now.
    const expected: Expected = { created: CUSTOMERS, updated: 0, archived: 0 };
    let rounds = 0;
    let turn = Promise.resolve();
    world.proxy.edit((answer: ProxiedAnswer) => {
      if (answer.method !== 'GET' || answer.path !== '/v1/customers') return;
      const page = objectsOf(answer).map(({ id }) => String(id));
      if (page.length < 4) return;
      for (const id of page) listed.add(id);
      turn = turn.then(() => changeMeanwhile(page, (rounds += 1), expected));
      return turn;
    });
    await world.sync(venue, 'pull', 'full');
    world.proxy.edit(null);
    expect(rounds).toBeGreaterThan(3);
    await deliver(late);
    expect(await alive()).toEqual(await atStripe());
    expect(await told()).toEqual(expected);

    // Another pass finds nothing that was left out.
    expect((await world.sync(venue, 'pull', 'full')).counts).toMatchObject({ created: 0, updated: 0, archived: 0 });
  }, 120_000);
});
