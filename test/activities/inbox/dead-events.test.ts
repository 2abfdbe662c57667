import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId, WebhookEventId } from '../../../contracts/ids.ts';
import { createRetryStore } from '../../../db/dead-letters/retry-store.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { SettledEvent } from '../../../db/webhooks/settled-events.ts';
import { aVenue } from '../../db/builders.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const PARTITION = 1;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate venues, webhook_events, dead_letters, subscriptions, outgoing_messages, provider_circuits cascade`;
});

async function aVenueConnectedTo(account: string, state = 'active'): Promise<VenueId> {
  const venueId = await aVenue(database.db);
  await database.admin`
    insert into connections (id, venue_id, provider, environment, state, external_account_id, flow)
    values (${uuidv7()}, ${venueId}, 'square', 'sandbox', ${state}, ${account}, 'code')`;
  return venueId;
}

async function anEvent(account: string): Promise<WebhookEventId> {
  const eventKey = uuidv7();
  await createInboxStore(database.db).keep([
    {
      ...{ provider: 'square', endpoint: 'app', eventKey, type: 'a.type', partition: PARTITION, headers: {} },
      ...{ account: { environment: 'sandbox', externalAccountId: account }, body: Buffer.from('{}') },
    },
  ]);
  const [row] = await database.admin<{ id: WebhookEventId }[]>`
    select id from webhook_events where event_key = ${eventKey}`;
  if (!row) throw new Error('the event was not kept');
  return row.id;
}

async function settle(id: WebhookEventId, state: SettledEvent['state'], code = 'internal'): Promise<void> {
  const inbox = createInboxStore(database.db);
  const errorCode = state === 'dead' || state === 'retrying' ? code : null;
  await inbox.settle(await inbox.takeOver(PARTITION), () =>
    Promise.resolve([{ id, state, errorCode, dueInMs: null, effect: null }]),
  );
}

const letters = () =>
  database.admin<{ venue_id: string; source_key: string; state: string; attempts: number }[]>`
    select venue_id, source_key, state, attempts from dead_letters order by venue_id`;

it('lists a dead event as a dead letter of every venue that has connected its account, and of no other', async () => {
  const [one, two] = [await aVenueConnectedTo('M1'), await aVenueConnectedTo('M1')];
  await aVenueConnectedTo('M2');
  await aVenueConnectedTo('M1', 'disconnected');
  const id = await anEvent('M1');
  await settle(id, 'dead');
  const expected = [one, two].sort().map((venue_id) => ({ venue_id, source_key: id, state: 'open', attempts: 1 }));
  expect(await letters()).toEqual(expected);
});

it('lists no event that is tried again, and none of an account that nobody has connected', async () => {
  await aVenueConnectedTo('M1');
  await settle(await anEvent('M1'), 'retrying');
  await settle(await anEvent('unknown'), 'dead');
  expect(await letters()).toEqual([]);
});

it.each(['applied', 'ignored', 'waiting-for-adapter'] as const)(
  'resolves the entry in every venue once the replayed event is %s, and leaves other events listed',
  async (state) => {
    await aVenueConnectedTo('M1');
    await aVenueConnectedTo('M1');
    const [replayed, other] = [await anEvent('M1'), await anEvent('M1')];
    await settle(replayed, 'dead');
    await settle(other, 'dead');
    await settle(replayed, state);
    const found = await letters();
    expect(found.filter(({ source_key: key }) => key === replayed).map((row) => row.state)).toEqual([
      'resolved',
      'resolved',
    ]);
    expect(found.filter(({ source_key: key }) => key === other).map((row) => row.state)).toEqual(['open', 'open']);
  },
);

it('keeps one entry for an event that dies again after a replay', async () => {
  const venue = await aVenueConnectedTo('M1');
  const id = await anEvent('M1');
  await settle(id, 'dead');
  await settle(id, 'retrying');
  await settle(id, 'dead');
  expect(await letters()).toEqual([{ venue_id: venue, source_key: id, state: 'open', attempts: 2 }]);
});

describe('the sweep', () => {
  const retries = () => createRetryStore(database.db);
  const died = async (...codes: readonly string[]) => {
    for (const code of codes) await settle(await anEvent('M1'), 'dead', code);
    await database.admin`update connections set state_since = now() - interval '1 day'`;
    await database.admin`update dead_letters set last_failed_at = now() - interval '1 hour'`;
  };
  const openCircuit = ({ probedMinutesAgo }: { readonly probedMinutesAgo: number }) => database.admin`
    insert into provider_circuits (key, failures, opened_at, retry_at)
    values ('square/sandbox/M1', 5, now() - interval '1 day', now() - ${probedMinutesAgo}::int * interval '1 minute')`;
  const retried = async () => [
    ...(await database.admin<{ code: string }[]>`select code from dead_letters where state = 'retrying' order by code`),
  ];

  it('has events handled again whose provider could not be asked, and no others', async () => {
    await aVenueConnectedTo('M1');
    await died('unavailable', 'rate-limited', 'quota-exhausted', 'unexpected-response', 'internal', 'unreadable');
    expect(await retries().markCleared(100)).toBe(4);
    expect((await retried()).map(({ code }) => code)).toEqual([
      'quota-exhausted',
      'rate-limited',
      'unavailable',
      'unexpected-response',
    ]);
  });

  it('leaves them while a circuit keeps calls from the account, and for a quarter of an hour after they died', async () => {
    await aVenueConnectedTo('M1');
    await died('unavailable');
    await openCircuit({ probedMinutesAgo: 59 });
    expect(await retries().markCleared(100)).toBe(0);
    await database.admin`delete from provider_circuits`;
    await database.admin`update dead_letters set last_failed_at = now()`;
    expect(await retries().markCleared(100)).toBe(0);
  });

  it('retries them when nobody has probed the circuit for an hour', async () => {
    await aVenueConnectedTo('M1');
    await died('unavailable');
    await openCircuit({ probedMinutesAgo: 61 });
    expect(await retries().markCleared(100)).toBe(1);
  });
});

describe('subscribers', () => {
  const subscribe = (venueId: VenueId, types: readonly string[] | null = null) =>
    database.admin`
      insert into subscriptions (id, venue_id, url, types)
      values (${uuidv7()}, ${venueId}, 'https://a.example/', ${types === null ? null : database.admin.json([...types])})`;
  const told = async () => [
    ...(await database.admin<{ venue_id: string; type: string; data: object }[]>`
      select venue_id, type, data from outgoing_messages order by venue_id`),
  ];

  it('of every venue that has connected the account are told of dead events, in one message, and no others', async () => {
    const [one, two] = [await aVenueConnectedTo('M1'), await aVenueConnectedTo('M1')];
    const other = await aVenueConnectedTo('M2');
    for (const venue of [one, two, other]) await subscribe(venue);
    for (const id of [await anEvent('M1'), await anEvent('M1')]) await settle(id, 'dead');
    expect(await told()).toMatchObject(
      [one, two].sort().map((venue_id) => ({
        ...{ venue_id, type: 'dead-letter.added' },
        data: { source: 'event', counts: { added: 2 }, path: `/v1/venues/${venue_id}/dead-letters?source=event` },
      })),
    );
  });

  it('are told nothing of events that are tried again or were handled, and of types that they did not choose', async () => {
    const [one, two] = [await aVenueConnectedTo('M1'), await aVenueConnectedTo('M2')];
    await subscribe(one);
    await subscribe(two, ['sync.failed']);
    await settle(await anEvent('M1'), 'retrying');
    await settle(await anEvent('M1'), 'applied');
    await settle(await anEvent('M2'), 'dead');
    expect(await told()).toEqual([]);
  });

  it('are told nothing when the transaction that marks the event rolls back', async () => {
    await subscribe(await aVenueConnectedTo('M1'));
    const id = await anEvent('M1');
    const inbox = createInboxStore(database.db);
    await database.admin`
      create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`;
    await database.admin`
      create constraint trigger refuse after update on webhook_events deferrable initially deferred
      for each row execute function refuse()`;
    try {
      await expect(
        inbox.settle(await inbox.takeOver(PARTITION), () =>
          Promise.resolve([{ id, state: 'dead', errorCode: 'internal', dueInMs: null, effect: null }]),
        ),
      ).rejects.toThrow();
    } finally {
      await database.admin`drop function refuse() cascade`;
    }
    expect(await told()).toEqual([]);
    expect(await letters()).toEqual([]);
  });
});
