import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { UnknownField } from '../../../contracts/unknown-fields.ts';
import { noteUnknownFields, readUnknownFields } from '../../../db/connections/unknown-field-store.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

let database: TestDatabase;
let ref: Parameters<typeof noteUnknownFields>[1];
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  const venueId = await aVenue(database.db);
  const { id } = await aConnection(database.db, venueId);
  ref = { venueId, connectionId: id, provider: 'stripe', resource: 'customers' };
});

const named = (prefix: string, count: number): readonly UnknownField[] =>
  Array.from({ length: count }, (_, index) => ({ path: `metadata.${prefix}${index}`, kind: 'custom-field' }));
const note = (fields: readonly UnknownField[]) =>
  withVenue(database.db, ref.venueId, (tx) => noteUnknownFields(tx, ref, fields));
const stored = () => withVenue(database.db, ref.venueId, (tx) => readUnknownFields(tx, ref));

describe('unknown fields', () => {
  it('are at most a hundred when several runs note others at once', async () => {
    await note(named('a', 90));
    await Promise.all(['b', 'c', 'd', 'e'].map((prefix) => note(named(prefix, 40))));
    expect(await stored()).toHaveLength(100);
  });

  it('do not deadlock when two runs note the same ones in another order', async () => {
    const fields = named('a', 50);
    await note(fields);
    await Promise.all([note(fields), note(fields.toReversed()), note(fields)]);
    expect(await stored()).toHaveLength(50);
  });

  it('are stored once of a list that names one twice', async () => {
    await note([...named('a', 2), ...named('a', 2)]);
    expect((await stored()).map(({ path }) => path)).toEqual(['metadata.a0', 'metadata.a1']);
  });

  it.each(['', 'anna@example.com', 'x'.repeat(201), 'größe', 'a b'])('are never stored under %j', async (path) => {
    await expect(note([{ path, kind: 'custom-field' }])).rejects.toThrow();
  });
});
