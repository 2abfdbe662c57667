import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { notesOf } from '../../domain/grants/connection-notes.ts';
import { Secret } from '../../vault/secret.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { useConnectionWorld } from './connection-suite.ts';

describe('an attempt to connect', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const square = () => world.control.square;
  const liveGrants = async (account: string) =>
    (await square().grants(account)).filter(({ endedAtMs }) => endedAtMs === null);

  it('with an account that the venue has connected before renews that connection', async () => {
    const { id: account } = await square().addAccount();
    const first = await world.connect(venueId, 'square', { account });
    const second = await world.connect(venueId, 'square', { account, flow: 'pkce' });
    expect(second.outcome).toEqual({ outcome: 'connected', connectionId: first.connectionId });
    expect(await world.connectionOf(first)).toMatchObject({ state: 'active', flow: 'pkce' });
    expect(await world.credentialsOf(first.connectionId)).toEqual({ keys: 0, grants: 1, generation: 2 });
    expect(await world.connectionOf(second)).toMatchObject({
      state: 'disconnected',
      cause: expect.stringContaining(first.connectionId) as string,
      account: null,
    });
    expect(await world.credentialsOf(second.connectionId)).toEqual({ keys: 0, grants: 0, generation: null });
  });

  it('and another with the same account that complete at the same moment result in one connection', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id: account } = await square().addAccount();
      const attempts = await Promise.all([
        world.begin(venueId, 'square'),
        world.begin(venueId, 'square'),
        world.begin(venueId, 'square'),
      ]);
      const callbacks = await Promise.all(attempts.map((attempt) => world.approve(attempt, account)));
      const outcomes = await Promise.all(attempts.map((attempt, index) => world.complete(attempt, callbacks[index]!)));
      const [one] = outcomes;
      expect(outcomes).toEqual([one, one, one]);
      expect(one).toMatchObject({ outcome: 'connected' });
      const states = await Promise.all(attempts.map(async (attempt) => (await world.connectionOf(attempt)).state));
      expect(states.toSorted()).toEqual(['active', 'disconnected', 'disconnected']);
      const grants = await Promise.all(
        attempts.map(async ({ connectionId }) => (await world.credentialsOf(connectionId)).grants),
      );
      expect(grants.reduce((sum, count) => sum + count)).toBe(1);
    }
  });

  it.each([
    ['stripe', 'connect'],
    ['stripe', 'app'],
    ['square', 'code'],
    ['square', 'pkce'],
    ['quickbooks', 'code'],
    ['mailchimp', 'code'],
  ] as const)(
    'by two venues with one account give each a connection of its own, which shows the sharing: %s, %s',
    async (provider, flow) => {
      const { id: account } = await world.control[provider].addAccount();
      const here = await world.connect(venueId, provider, { account, flow });
      expect(notesOf(await world.connectionOf(here))).toEqual([]);
      const there = await world.connect(await world.aVenue(), provider, { account, flow });
      expect([here.outcome, there.outcome]).toEqual(
        [here, there].map(({ connectionId }) => ({ outcome: 'connected', connectionId })),
      );
      expect(here.connectionId).not.toBe(there.connectionId);
      const notes = notesOf(await world.connectionOf(there));
      expect(notes).toMatchObject([{ code: 'account-shared' }]);
      // Shows nothing of the other venue or its connection.
      for (const hidden of [here.venueId, here.connectionId, account])
        expect(JSON.stringify(notes)).not.toContain(hidden);
      await world.disconnect(here);
      expect(notesOf(await world.connectionOf(there))).toEqual([]);
    },
  );

  it('that was started and never approved does not count as sharing', async () => {
    const { id: account } = await square().addAccount();
    const here = await world.connect(venueId, 'square', { account });
    await world.begin(await world.aVenue(), 'square');
    expect(notesOf(await world.connectionOf(here))).toEqual([]);
  });

  it('to reauthorize keeps the connection with its account, and stays suspended if a person suspended it', async () => {
    const { id: account } = await square().addAccount();
    const first = await world.connect(venueId, 'square', { account });
    await world.api.connectionActions.suspend(first, { cause: 'A person stopped it.', nextAction: 'Resume it.' });
    const again = await world.beginAgain(first, 'square');
    expect(await world.complete(again, await world.approve(again, account))).toEqual({
      outcome: 'connected',
      connectionId: first.connectionId,
    });
    expect(await world.connectionOf(first)).toMatchObject({ state: 'suspended', cause: 'A person stopped it.' });
    expect((await world.credentialsOf(first.connectionId)).generation).toBe(2);
    expect(await world.audit(venueId)).toContain('connection.reauthorized');
  });

  it('of an account whose connection is suspended gives that one the grant, and leaves it suspended', async () => {
    const { id: account } = await square().addAccount();
    const first = await world.connect(venueId, 'square', { account });
    await world.api.connectionActions.suspend(first, { cause: 'A person stopped it.', nextAction: 'Resume it.' });
    const again = await world.connect(venueId, 'square', { account });
    expect(again.outcome).toEqual({ outcome: 'connected', connectionId: first.connectionId });
    expect(await world.connectionOf(first)).toMatchObject({ state: 'suspended', cause: 'A person stopped it.' });
    expect((await world.credentialsOf(first.connectionId)).generation).toBe(2);
  });

  it('to reauthorize with another account changes nothing, and revokes the other account’s access', async () => {
    const [mine, other] = [await square().addAccount(), await square().addAccount()];
    const first = await world.connect(venueId, 'square', { account: mine.id });
    const before = {
      connection: await world.connectionOf(first),
      credentials: await world.credentialsOf(first.connectionId),
    };
    const again = await world.beginAgain(first, 'square');
    expect(await world.complete(again, await world.approve(again, other.id))).toMatchObject({
      outcome: 'refused',
      code: 'wrong-account',
    });
    expect({
      connection: await world.connectionOf(first),
      credentials: await world.credentialsOf(first.connectionId),
    }).toEqual(before);
    expect(await liveGrants(mine.id)).toHaveLength(1);
    expect(await liveGrants(other.id)).toEqual([]);
  });

  it('to reauthorize that fails leaves the connection as it is', async () => {
    const first = await world.connect(venueId, 'square', { account: 'new' });
    const before = await world.connectionOf(first);
    const again = await world.beginAgain(first, 'square');
    expect(await world.complete(again, { kind: 'denied' })).toMatchObject({ outcome: 'refused', code: 'denied' });
    expect(await world.connectionOf(first)).toEqual(before);
  });

  it('replaces a key, and a key replaces its grant: a connection never has both', async () => {
    const { id: account } = await square().addAccount();
    const first = await world.connect(venueId, 'square', { account });
    const saveKey = async () => {
      const sealedKey = await world.deps.sealer.seal(new Secret(randomBytes(8).toString('hex')), {
        venueId,
        connectionId: first.connectionId,
        purpose: 'provider-api-key',
      });
      await world.deps.connections.saveWithApiKey({
        venueId,
        connectionId: first.connectionId,
        provider: 'square',
        environment: 'sandbox',
        account: { id: account, name: null },
        scopes: [],
        sealedKey,
      });
    };
    await saveKey();
    expect(await world.credentialsOf(first.connectionId)).toEqual({ keys: 1, grants: 0, generation: null });
    expect(await world.connectionOf(first)).toMatchObject({ state: 'active', flow: null, nextRefreshAt: null });
    const back = await world.connect(venueId, 'square', { account });
    expect(back.outcome).toEqual({ outcome: 'connected', connectionId: first.connectionId });
    // Higher than both earlier credentials' generations, so that a holder of the old ones notices.
    expect(await world.credentialsOf(first.connectionId)).toEqual({ keys: 0, grants: 1, generation: 3 });
  });
});
