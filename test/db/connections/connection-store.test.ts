import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import type { SealedSecret } from '../../../contracts/vault.ts';
import { AccountAlreadyConnectedError, createConnectionStore } from '../../../db/connections/connection-store.ts';
import type { ConnectionStore } from '../../../db/connections/connection-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aNewConnection, aVenue } from '../builders.ts';

const sealed = (...bytes: number[]) => Uint8Array.from(bytes) as SealedSecret;

describe('stored connections', () => {
  let database: TestDatabase;
  let store: ConnectionStore;
  let venueId: VenueId;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createConnectionStore(database.db);
    venueId = await aVenue(database.db);
  });
  afterAll(() => database.drop());

  it('are active once saved, and return the sealed key byte for byte', async () => {
    const connection = aNewConnection(venueId, { sealedKey: sealed(0, 255, 10, 13, 92, 120) });
    const saved = await store.saveWithApiKey(connection);
    expect(saved).toMatchObject({
      id: connection.connectionId,
      state: 'active',
      cause: null,
      nextAction: null,
      account: connection.account,
      scopes: ['customers:write'],
      expiresAt: null,
    });
    expect(saved.since).toBeInstanceOf(Date);
    await expect(store.find(connection)).resolves.toEqual(saved);

    const key = await store.findApiKey(connection);
    expect(key?.generation).toBe(1);
    expect([...(key?.sealedKey ?? [])]).toEqual([0, 255, 10, 13, 92, 120]);
  });

  it('of a known account keep their id and become active when the key is entered again', async () => {
    const first = aNewConnection(venueId);
    await store.saveWithApiKey(first);
    await store.setState(first, { state: 'needs-reauth', cause: 'The key was revoked', nextAction: 'Enter a new key' });

    await expect(store.findByAccount(venueId, { ...first, externalAccountId: first.account.id })).resolves.toBe(
      first.connectionId,
    );
    const again = await store.saveWithApiKey({
      ...first,
      account: { ...first.account, name: 'Renamed' },
      sealedKey: sealed(9),
    });
    expect(again).toMatchObject({
      id: first.connectionId,
      state: 'active',
      cause: null,
      nextAction: null,
      account: { name: 'Renamed' },
    });
    await expect(store.findApiKey(first)).resolves.toMatchObject({ generation: 2 });
  });

  it('of a known account that a person has suspended take the new key and stay suspended', async () => {
    const first = aNewConnection(venueId);
    await store.saveWithApiKey(first);
    await store.setState(first, { state: 'suspended', cause: 'Paused', nextAction: 'Resume it.' });
    const { since } = (await store.find(first))!;
    const again = await store.saveWithApiKey({
      ...first,
      account: { ...first.account, name: 'Renamed' },
      sealedKey: sealed(9),
    });
    expect(again).toMatchObject({
      ...{ state: 'suspended', cause: 'Paused', nextAction: 'Resume it.', since },
      account: { name: 'Renamed' },
    });
    const key = await store.findApiKey(first);
    expect([key?.generation, [...key!.sealedKey]]).toEqual([2, [9]]);
  });

  it('accept one of several concurrent connects to an account, return its id to the others, and keep the key openable', async () => {
    const account = { id: 'acct_race', name: null };
    const rivals = Array.from({ length: 8 }, (_, index) =>
      aNewConnection(venueId, { account, sealedKey: sealed(index) }),
    );
    const results = await Promise.allSettled(rivals.map((rival) => store.saveWithApiKey(rival)));
    const winners = results.flatMap((result, index) =>
      result.status === 'fulfilled' ? [{ index, id: result.value.id }] : [],
    );
    expect(winners).toHaveLength(1);
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ name: 'AccountAlreadyConnectedError', connectionId: winners[0]?.id });
    }
    const key = await store.findApiKey({ venueId, connectionId: winners[0]!.id });
    expect([...key!.sealedKey]).toEqual([winners[0]!.index]);
    expect(key!.generation).toBe(1);
  });

  it('remain unchanged when a save is rejected because of its id', async () => {
    const first = aNewConnection(venueId);
    const before = await store.saveWithApiKey(first);
    await store.setState(first, { state: 'suspended', cause: 'Paused', nextAction: null });
    const suspended = await store.find(first);
    await expect(
      store.saveWithApiKey({ ...first, connectionId: uuidv7() as ConnectionId, sealedKey: sealed(7) }),
    ).rejects.toBeInstanceOf(AccountAlreadyConnectedError);
    await expect(store.find(first)).resolves.toEqual(suspended);
    await expect(store.findApiKey(first)).resolves.toMatchObject({ generation: 1 });
    expect(before.state).toBe('active');
  });

  it('belong to one venue and one environment, even for the same account', async () => {
    const account = { id: 'acct_shared', name: null };
    const other = await aVenue(database.db);
    await store.saveWithApiKey(aNewConnection(venueId, { account }));
    await store.saveWithApiKey(aNewConnection(venueId, { account, environment: 'production' }));
    await store.saveWithApiKey(aNewConnection(other, { account }));
    expect((await store.list(other, { limit: 10, after: null })).data).toHaveLength(1);
    await expect(
      store.findByAccount(other, { provider: 'stripe', environment: 'production', externalAccountId: account.id }),
    ).resolves.toBeNull();
  });

  it('keep the start time of their state when only its cause changes', async () => {
    const connection = aNewConnection(venueId);
    await store.saveWithApiKey(connection);
    await store.setState(connection, { state: 'degraded', cause: 'Slow', nextAction: null });
    const first = await store.find(connection);
    await store.setState(connection, { state: 'degraded', cause: 'Slower', nextAction: 'Wait' });
    const second = await store.find(connection);
    expect(second).toMatchObject({ state: 'degraded', cause: 'Slower', nextAction: 'Wait', since: first!.since });
  });

  it('are paged oldest first', async () => {
    const venue = await aVenue(database.db);
    const ids: ConnectionId[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await store.saveWithApiKey(aNewConnection(venue))).id);
    const first = await store.list(venue, { limit: 3, after: null });
    const second = await store.list(venue, { limit: 3, after: first.next });
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
  });
});
