import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { aProduct, createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

let world: SquareSyncWorld;
let inbox: EventWorld;
let venue: SquareVenue;

beforeAll(async () => {
  world = await createSquareSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

const grant = (...scopes: readonly string[]) =>
  world.database.admin`
    update connections set scopes = ${world.database.admin.json([...scopes])} where id = ${venue.connectionId}`;
const row = async ({ syncId }: SyncConnectionInput) =>
  (await world.database.admin`select phase, waiting_for, error from sync_runs where id = ${syncId}`)[0]!;
const calls = async () => (await venue.merchant.calls()).length;

describe('a run that nobody checked before it started, of a connection whose owner has granted too little', () => {
  it.each([
    ['pull', ['MERCHANT_PROFILE_READ', 'CUSTOMERS_READ'], ['ITEMS_READ']],
    ['push', ['MERCHANT_PROFILE_READ', 'ITEMS_READ'], ['ITEMS_READ', 'ITEMS_WRITE']],
    ['both', ['MERCHANT_PROFILE_READ', 'ITEMS_READ'], ['ITEMS_READ', 'ITEMS_WRITE']],
  ] as const)(
    'waits without a call of the provider, says what is missing and to whom to turn, and goes on after consent: %s',
    async (direction, granted, wanted) => {
      await world.products.upsertMany(venue.venueId, [aProduct(1)]);
      await grant(...granted);
      const input = await world.open(venue, direction, 'full', { resource: 'products' });
      await world.begin(input);
      const before = await calls();

      await expect(world.chunk(input)).rejects.toMatchObject({
        type: FAILURE.scopesMissing,
        nonRetryable: true,
        message: expect.stringContaining(wanted.at(-1)!) as string,
      });

      expect(await calls()).toBe(before);
      expect(await row(input)).toMatchObject({
        phase: 'waiting',
        waiting_for: { what: 'scopes-missing' },
        error: { code: 'scopes-missing', nextAction: expect.stringContaining('/reauthorize') as string },
      });
      expect(await world.connections.find(venue)).toMatchObject({ state: 'active' });

      await grant(...granted, ...wanted);
      while ((await world.chunk(input)).status === 'more');
      expect(await row(input)).toMatchObject({ phase: 'running', waiting_for: null, error: null });
      expect((await world.finish(input)).outcome).toBe('completed');
      expect(await calls()).toBeGreaterThan(before);
    },
  );

  it('is not held up by what only another direction or resource needs', async () => {
    await grant('MERCHANT_PROFILE_READ', 'ITEMS_READ');
    await expect(world.sync(venue, 'pull', 'full', { resource: 'products' })).resolves.toMatchObject({
      outcome: 'completed',
    });
  });
});

describe('an event of an object that the connection may not read', () => {
  it('is skipped with the reason, without a call of the provider, and is not tried again', async () => {
    await grant('MERCHANT_PROFILE_READ', 'CUSTOMERS_READ');
    await world.database.admin`
      insert into sync_cursors (connection_id, resource, direction, venue_id)
      values (${venue.connectionId}, 'inventory', 'pull', ${venue.venueId}), (${venue.connectionId}, 'products', 'pull', ${venue.venueId})`;
    const [account] = await world.database.admin<{ id: string }[]>`
      select external_account_id as id from connections where id = ${venue.connectionId}`;
    const before = await calls();

    await inbox.post('square', {
      ...{ merchant_id: account!.id, event_id: `${venue.connectionId}-1`, created_at: new Date().toISOString() },
      type: 'catalog.version.updated',
      data: { type: 'catalog', id: '', object: { catalog_version: { updated_at: new Date().toISOString() } } },
    });
    await inbox.drain();

    const [event] = await inbox.events(venue);
    expect(event).toMatchObject({ state: 'applied', errorCode: null });
    expect(event!.effects).toEqual([
      expect.objectContaining({ kind: 'skipped', resource: 'products', reason: 'scopes-missing' }),
    ]);
    expect(await calls()).toBe(before);
  });
});
