import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { PartitionTakenOverError, createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { DueEvent, InboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { SettledEvent } from '../../../db/webhooks/settled-events.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

const PARTITION = 2;

let database: TestDatabase;
let inbox: InboxStore;

beforeAll(async () => {
  database = await createTestDatabase();
  inbox = createInboxStore(database.eventDb);
});
afterAll(() => database.drop());
beforeEach(() => database.admin`delete from webhook_events`);

it('marks events and counts their attempt, and leaves their neighbours as they are', async () => {
  const [ignored, failed] = await keep(3);
  const lease = await inbox.takeOver(PARTITION);
  await inbox.mark(lease, [
    over(ignored, 'ignored'),
    { ...over(failed, 'retrying'), errorCode: 'unavailable', dueInMs: 60_000 },
  ]);
  expect(await states()).toEqual([
    { state: 'ignored', attempts: 1, code: null, is_due: true },
    { state: 'retrying', attempts: 1, code: 'unavailable', is_due: false },
    { state: 'waiting', attempts: 0, code: null, is_due: true },
  ]);
});

it('marks nothing for a drainer whose partition was taken over', async () => {
  const [event] = await keep(1);
  const zombie = await inbox.takeOver(PARTITION);
  await inbox.takeOver(PARTITION);
  await expect(inbox.mark(zombie, [over(event, 'ignored')])).rejects.toThrow(PartitionTakenOverError);
  expect(await states()).toMatchObject([{ state: 'waiting', attempts: 0 }]);
});

it('settles the dead letter of an event that it marks as over, and keeps that of one that goes on failing', async () => {
  const [handled, failing] = await keep(2);
  const venueId = await aVenue(database.db);
  for (const event of [handled, failing])
    await database.admin`
      insert into dead_letters (id, venue_id, source, source_key, code, message, history)
      values (${randomUUID()}, ${venueId}, 'event', ${event?.id ?? ''}, 'internal', 'failed', '[]')`;
  await inbox.mark(await inbox.takeOver(PARTITION), [
    over(handled, 'ignored'),
    { ...over(failing, 'retrying'), dueInMs: 1 },
  ]);
  const letters = await database.admin<{ key: string; state: string }[]>`
    select source_key as key, state from dead_letters order by state`;
  expect([...letters]).toEqual([
    { key: failing?.id, state: 'open' },
    { key: handled?.id, state: 'resolved' },
  ]);
});

it('marks a dead event among others as settling does', async () => {
  const [dead, ignored] = await keep(2);
  await inbox.mark(await inbox.takeOver(PARTITION), [
    { ...over(dead, 'dead'), errorCode: 'unreadable' },
    over(ignored, 'ignored'),
  ]);
  expect(await states()).toMatchObject([{ state: 'dead', code: 'unreadable' }, { state: 'ignored' }]);
});

/** Stores events, and returns them in the order in which they are due. */
async function keep(count: number): Promise<readonly DueEvent[]> {
  await inbox.keep(
    Array.from({ length: count }, () => ({
      ...{ provider: 'stripe', endpoint: 'app' as const, eventKey: `evt_${randomUUID()}` },
      ...{ type: 'customer.updated', account: null, partition: PARTITION },
      ...{ body: Buffer.from('{}'), headers: {} },
    })),
  );
  return inbox.listDue(PARTITION, count);
}

function over(event: DueEvent | undefined, state: SettledEvent['state']): SettledEvent {
  if (!event) throw new Error('there is no such event');
  return { id: event.id, state, errorCode: null, dueInMs: null, effect: null };
}

const states = async () => [
  ...(await database.admin<{ state: string; attempts: number; code: string | null; is_due: boolean }[]>`
    select state, attempts, error_code as code, due_at <= now() as is_due from webhook_events order by id`),
];
