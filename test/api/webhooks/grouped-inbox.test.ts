import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createGroupedInbox, ENOUGH } from '../../../api/webhooks/grouped-inbox.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { InboxStore, ReceivedEvent } from '../../../db/webhooks/inbox-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

const anEvent = (eventKey: string = uuidv7(), body: Uint8Array = Buffer.from('{}')): ReceivedEvent => ({
  ...({ provider: 'square', endpoint: 'app', type: 'a.type', account: null, partition: 0, headers: {} } as const),
  eventKey,
  body,
});

/** A store that answers when it is told to, and remembers the keys of each statement. */
function heldStore() {
  const statements: string[][] = [];
  const held: { readonly finish: () => void; readonly fail: (error: Error) => void }[] = [];
  const keep: InboxStore['keep'] = (events) =>
    new Promise((resolve, reject) => {
      statements.push(events.map(({ eventKey }) => eventKey));
      held.push({
        finish: () => {
          resolve(events.map(() => true));
        },
        fail: reject,
      });
    });
  const next = () => {
    const statement = held.shift();
    if (!statement) throw new Error('no statement is under way');
    return statement;
  };
  return { keep, statements, next };
}

/** Long enough to see that somebody waits. */
const EVERY_MS = 100;

/** Lets everything that can go on go on. */
const settle = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe('deliveries that arrive together', () => {
  it('are stored at once when nothing is under way, and else share the next statement', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store);
    const first = keep([anEvent('1')]);
    expect(store.statements).toEqual([['1']]);
    const others = [keep([anEvent('2'), anEvent('3')]), keep([]), keep([anEvent('4')])];
    await settle();
    expect(store.statements).toHaveLength(1);
    store.next().finish();
    expect(await first).toEqual([true]);
    await settle();
    expect(store.statements).toEqual([['1'], ['2', '3', '4']]);
    store.next().finish();
    expect(await Promise.all(others)).toEqual([[true, true], [], [true]]);
    // Idle again.
    const last = keep([anEvent('5')]);
    expect(store.statements).toHaveLength(3);
    store.next().finish();
    expect(await last).toEqual([true]);
  });

  it('are acknowledged only when their own statement has ended', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store);
    const [first, second] = [keep([anEvent('1')]), keep([anEvent('2')])];
    let acknowledged = false;
    const noted = second.then(() => {
      acknowledged = true;
    });
    store.next().finish();
    await first;
    await settle();
    expect(acknowledged).toBe(false);
    store.next().finish();
    await noted;
  });

  it('share a statement up to a number and a size, and one that is larger has its own', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store, { deliveries: 2, bytes: 10 });
    const sizes = [1, 1, 1, 1, 99, 6, 6];
    const all = sizes.map((size, index) => keep([anEvent(String(index), Buffer.alloc(size))]));
    for (let statement = 0; statement < 6; statement += 1) {
      store.next().finish();
      await settle();
    }
    await Promise.all(all);
    expect(store.statements).toEqual([['0'], ['1', '2'], ['3'], ['4'], ['5'], ['6']]);
  });

  it('share a statement that begins a while after the last one, and one that comes later is stored at once', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store, undefined, EVERY_MS);
    const first = keep([anEvent('1')]);
    expect(store.statements).toEqual([['1']]);
    const beganAtMs = performance.now();
    store.next().finish();
    await first;
    const others = [keep([anEvent('2')])];
    await settle();
    expect(store.statements).toHaveLength(1);
    others.push(keep([anEvent('3')]));
    await vi.waitFor(() => {
      expect(store.statements).toHaveLength(2);
    });
    // A timer may be early by less than a millisecond.
    expect(performance.now() - beganAtMs).toBeGreaterThan(EVERY_MS - 2);
    expect(store.statements).toEqual([['1'], ['2', '3']]);
    store.next().finish();
    await Promise.all(others);
    await delay(2 * EVERY_MS);
    void keep([anEvent('4')]);
    expect(store.statements).toHaveLength(3);
  });

  it('do not wait once a statement is full', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store, { deliveries: 2, bytes: 1_000 }, 3_600_000);
    const first = keep([anEvent('1')]);
    const full = [keep([anEvent('2')]), keep([anEvent('3')])];
    store.next().finish();
    await first;
    await settle();
    expect(store.statements).toEqual([['1'], ['2', '3']]);
    store.next().finish();
    await Promise.all(full);
  });

  it('wait for no more once enough of them wait, whenever the last of these came', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store, undefined, 3_600_000);
    const first = keep([anEvent('first')]);
    store.next().finish();
    await first;
    const keys = Array.from({ length: ENOUGH }, (_, index) => String(index));
    const others = keys.slice(1).map((key) => keep([anEvent(key)]));
    await settle();
    expect(store.statements).toHaveLength(1);
    others.push(keep([anEvent('0')]));
    await settle();
    expect(store.statements[1]).toEqual([...keys.slice(1), '0']);
    // As many that came while a statement was under way.
    const later = keys.map((key) => keep([anEvent(`later ${key}`)]));
    store.next().finish();
    await Promise.all(others);
    await settle();
    expect(store.statements[2]).toEqual(keys.map((key) => `later ${key}`));
    store.next().finish();
    await Promise.all(later);
  });

  it('all fail while the database is away, and the next ones are tried again', async () => {
    const store = heldStore();
    const keep = createGroupedInbox(store);
    const deliveries = ['1', '2', '3'].map((key) => keep([anEvent(key)]));
    const outcomes = Promise.allSettled(deliveries);
    const away = Object.assign(new Error('gone'), { code: 'CONNECTION_CLOSED' });
    store.next().fail(away);
    await settle();
    store.next().fail(away);
    expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(store.statements).toHaveLength(2);
    const later = keep([anEvent('4')]);
    store.next().finish();
    expect(await later).toEqual([true]);
  });
});

describe('a group of deliveries in Postgres', () => {
  let database: TestDatabase;
  let store: InboxStore;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createInboxStore(database.db);
  });
  afterAll(() => database.drop());
  beforeEach(() => database.admin`truncate webhook_events cascade`);
  const keys = async () =>
    (await database.admin<{ key: string }[]>`select event_key as key from webhook_events order by 1`).map(
      ({ key }) => key,
    );

  it('loses none of its neighbours to a row that Postgres refuses', async () => {
    const keep = createGroupedInbox(store);
    // U+0000 is in no text of Postgres; the API removes it before.
    const all = ['a', 'b', 'bad\u0000', 'c'].map((key) => keep([anEvent(key)]));
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(await keys()).toEqual(['a', 'b', 'c']);
  });

  it('stores a delivery whole or not at all', async () => {
    const keep = createGroupedInbox(store);
    const all = [keep([anEvent('a')]), keep([anEvent('b'), anEvent('bad\u0000')]), keep([anEvent('c')])];
    await Promise.allSettled(all);
    expect(await keys()).toEqual(['a', 'c']);
  });

  it('tells which events were new, also among equal ones', async () => {
    const keep = createGroupedInbox(store);
    await keep([anEvent('known')]);
    expect(
      await Promise.all([
        keep([anEvent('x')]),
        keep([anEvent('known'), anEvent('y'), anEvent('y')]),
        keep([anEvent('x')]),
      ]),
    ).toEqual([[true], [false, true, false], [false]]);
  });

  it('gets ids in the order in which its events came, and never the same twice', async () => {
    const batches = Array.from({ length: 20 }, (_, batch) => ['c', 'a', 'b'].map((key) => anEvent(`${batch}${key}`)));
    for (const batch of batches) await createGroupedInbox(store)(batch);
    const rows = await database.admin<{ id: string; key: string }[]>`
      select id, event_key as key from webhook_events order by id`;
    const idsOf = new Map(rows.map(({ id, key }) => [key, id]));
    expect(new Set(idsOf.values()).size).toBe(60);
    for (const batch of batches) {
      const ids = batch.map(({ eventKey }) => idsOf.get(eventKey) ?? '');
      expect(ids).toEqual(ids.toSorted());
      for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    }
  });

  it('keeps every byte and every character as it came', async () => {
    const body = Uint8Array.from({ length: 512 }, (_, index) => index % 256);
    const odd = { ...anEvent('"{},\\ null', body), type: 'NULL', headers: { 'user-agent': 'a"b\\c{}\n' } };
    await createGroupedInbox(store)([odd, anEvent('other')]);
    const [row] = await database.admin<{ body: Buffer; type: string; headers: object; endpoint: string }[]>`
      select body, type, headers, endpoint from webhook_events where event_key = ${odd.eventKey}`;
    expect(row).toMatchObject({ type: 'NULL', headers: odd.headers, endpoint: 'app' });
    expect(Buffer.compare(row?.body ?? Buffer.alloc(0), body)).toBe(0);
  });

  it('does not deadlock with another process that stores the same events in another order', async () => {
    const events = Array.from({ length: 200 }, (_, index) => anEvent(`k${index}`));
    for (let round = 0; round < 5; round += 1) {
      await database.admin`truncate webhook_events cascade`;
      const kept = await Promise.all([
        store.keep(events),
        store.keep(events.toReversed()),
        store.keep(events),
        store.keep(events.toReversed()),
      ]);
      expect(kept.flat().filter(Boolean)).toHaveLength(200);
    }
  });
});
