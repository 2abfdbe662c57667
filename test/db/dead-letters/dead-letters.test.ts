import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, RecordId, VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { addDeadLetter, addDeadLetters, resolveDeadLetters } from '../../../db/dead-letters/dead-letters.ts';
import type { NewDeadLetter } from '../../../db/dead-letters/dead-letters.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

interface Row {
  readonly source_key: string;
  readonly state: string;
  readonly attempts: number;
  readonly code: string;
  readonly history: readonly { readonly code: string }[];
}

let database: TestDatabase;
let venueId: VenueId;
let connectionId: ConnectionId;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate venues, dead_letters cascade`;
  venueId = await aVenue(database.db);
  connectionId = (await aConnection(database.db, venueId)).id;
});

const aLetter = (letter: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  ...{ venueId, source: 'record', sourceKey: 'k', code: 'not-mappable', message: 'A field is missing.' },
  ...{ provider: 'stripe', connectionId, resource: 'customers', direction: 'push', recordVersion: 1 },
  ...letter,
});
const fail = (letter: Partial<NewDeadLetter> = {}) =>
  withVenue(database.db, venueId, (tx) => addDeadLetter(tx, aLetter(letter)));
const succeed = (...keys: string[]) => withVenue(database.db, venueId, (tx) => resolveDeadLetters(tx, 'record', keys));
const rows = () => database.admin<Row[]>`select * from dead_letters order by source_key`;
const theRow = async () => (await rows())[0];

describe('a dead letter', () => {
  it('stays one entry however often the same thing fails, and counts its failures', async () => {
    for (let count = 0; count < 30; count += 1) await fail({ code: count === 29 ? 'newest' : 'older' });
    const found = await rows();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ attempts: 30, state: 'open', code: 'newest' });
    expect(found[0]?.history).toHaveLength(20);
    expect(found[0]?.history.at(-1)).toMatchObject({ code: 'newest' });
  });

  it('is counted once by one statement that names it twice', async () => {
    await withVenue(database.db, venueId, (tx) => addDeadLetters(tx, [aLetter(), aLetter()]));
    expect(await rows()).toMatchObject([{ attempts: 1 }]);
  });

  it('is not added when its transaction rolls back', async () => {
    await expect(
      withVenue(database.db, venueId, async (tx) => {
        await addDeadLetter(tx, aLetter());
        throw new Error('the failure is undone');
      }),
    ).rejects.toThrow('the failure is undone');
    expect(await rows()).toEqual([]);
  });

  it('is resolved by a later success, and begins anew when the same thing fails again', async () => {
    await fail();
    await fail();
    await succeed('k');
    expect(await theRow()).toMatchObject({ state: 'resolved', closed_at: expect.any(Date) as Date });
    await fail();
    expect(await theRow()).toMatchObject({ state: 'open', attempts: 1, closed_at: null });
  });

  it('leaves other entries as they are when one is resolved', async () => {
    await fail({ sourceKey: 'a' });
    await fail({ sourceKey: 'b' });
    await fail({ source: 'event', sourceKey: 'a' });
    await succeed('a');
    expect((await rows()).map(({ state }) => state).sort()).toEqual(['open', 'open', 'resolved']);
  });

  describe('that was discarded', () => {
    beforeEach(async () => {
      await fail();
      await database.admin`update dead_letters set state = 'discarded', closed_at = now(), discard_reason = 'r'`;
    });

    it('stays discarded while the same version of the record fails for the same reason', async () => {
      await fail();
      expect(await theRow()).toMatchObject({ state: 'discarded', attempts: 2, closed_at: expect.any(Date) as Date });
    });

    it.each([
      ['for another reason', { code: 'rejected' }],
      ['in another version', { recordVersion: 2 }],
    ])('is open again when its record fails %s', async (_, changed) => {
      await fail(changed);
      expect(await theRow()).toMatchObject({ state: 'open', closed_at: null });
    });

    it('is not resolved by a success, because somebody has decided about it', async () => {
      await succeed('k');
      expect(await theRow()).toMatchObject({ state: 'discarded' });
    });
  });
});

describe('the list of dead letters', () => {
  it('keeps the entries of two venues apart, even under the same key', async () => {
    const other = await aVenue(database.db);
    const theirs = (await aConnection(database.db, other)).id;
    await fail();
    await withVenue(database.db, other, (tx) => addDeadLetter(tx, aLetter({ venueId: other, connectionId: theirs })));
    await succeed('k');
    const states = await database.admin<{ venue: string; state: string }[]>`
      select venue_id as venue, state from dead_letters`;
    expect(new Map(states.map(({ venue, state }) => [venue, state]))).toEqual(
      new Map([
        [venueId, 'resolved'],
        [other, 'open'],
      ]),
    );
  });

  it('refuses an entry of another venue, and one for another venue’s connection', async () => {
    const other = await aVenue(database.db);
    const theirs = (await aConnection(database.db, other)).id;
    await expect(fail({ venueId: other })).rejects.toThrow();
    await expect(fail({ connectionId: theirs })).rejects.toThrow();
    expect(await rows()).toEqual([]);
  });

  it('takes no more than 10,000 unsettled entries of one resource, and still counts failures of those it has', async () => {
    const letters = Array.from({ length: 10_000 }, (_, index) =>
      aLetter({ sourceKey: `k${index}`, recordId: uuidv7() as RecordId }),
    );
    await withVenue(database.db, venueId, (tx) => addDeadLetters(tx, letters));
    await withVenue(database.db, venueId, (tx) =>
      addDeadLetters(tx, [aLetter({ sourceKey: 'more' }), aLetter({ sourceKey: 'k1' })]),
    );
    await fail({ sourceKey: 'of another resource', resource: 'products' });
    const [count] = await database.admin<{ all: number; more: number; again: number }[]>`
      select count(*)::int as all, count(*) filter (where source_key = 'more')::int as more, count(*) filter (where attempts = 2)::int as again from dead_letters`;
    expect(count).toEqual({ all: 10_001, more: 0, again: 1 });
  });
});
