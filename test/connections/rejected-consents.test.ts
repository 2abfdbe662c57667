import { describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';
import { useConnectionWorld } from './connection-suite.ts';

describe('a consent that does not become a connection', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const liveGrants = async (provider: 'stripe' | 'square' | 'quickbooks', account: string) =>
    (await world.control[provider].grants(account)).filter(({ endedAtMs }) => endedAtMs === null);

  it.each([
    ['stripe', 'connect'],
    ['square', 'code'],
    ['quickbooks', 'code'],
  ] as const)(
    'for another account than the connection’s is revoked at the provider, and the connection keeps its own: %s, %s',
    async (provider, flow) => {
      const control = world.control[provider];
      const [mine, other] = [await control.addAccount(), await control.addAccount()];
      const first = await world.connect(venueId, provider, { account: mine.id, flow });
      const again = await world.beginAgain(first, provider);
      expect(await world.complete(again, await world.approve(again, other.id))).toMatchObject({
        outcome: 'refused',
        code: 'wrong-account',
      });
      expect(await liveGrants(provider, other.id)).toEqual([]);
      expect(await liveGrants(provider, mine.id)).toHaveLength(1);
      expect(await world.connectionOf(first)).toMatchObject({ state: 'active' });
    },
  );

  it.each([
    ['stripe', 'connect'],
    ['square', 'code'],
    ['quickbooks', 'code'],
  ] as const)(
    'is kept when another venue uses the same account, because revoking one grant may end all of the account’s: %s, %s',
    async (provider, flow) => {
      const control = world.control[provider];
      const [mine, other] = [await control.addAccount(), await control.addAccount()];
      const elsewhere = await world.connect(await world.aVenue(), provider, { account: other.id, flow });
      const first = await world.connect(venueId, provider, { account: mine.id, flow });
      const again = await world.beginAgain(first, provider);
      expect(await world.complete(again, await world.approve(again, other.id))).toMatchObject({
        outcome: 'refused',
        code: 'wrong-account',
      });
      expect((await liveGrants(provider, other.id)).length).toBeGreaterThan(0);
      expect(await world.connectionOf(elsewhere)).toMatchObject({ state: 'active' });
    },
  );

  it('that lacks a permission is revoked at the provider', async () => {
    const { id: account } = await world.control.square.addAccount();
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, account);
    await world.control.square.fault({ match: { path: '/v2/merchants' }, kind: 'status', status: 403 });
    expect(await world.complete(attempt, callback)).toMatchObject({ outcome: 'refused', code: 'permissions-missing' });
    expect(await liveGrants('square', account)).toEqual([]);
  });

  it('for an attempt that was withdrawn during the exchange is revoked at the provider', async () => {
    const { id: account } = await world.control.square.addAccount();
    const attempt = await world.begin(venueId, 'square');
    const callback = await world.approve(attempt, account);
    await world.control.square.fault({ match: { path: '/v2/merchants' }, kind: 'slow', delayMs: 4_000, times: 1 });
    const outcome = world.complete(attempt, callback);
    const { admin } = world.database;
    await until(
      async () =>
        (
          await admin`select from authorization_exchanges where connection_id = ${attempt.connectionId} and state = 'granted'`
        ).length > 0,
      { limitMs: 30_000, what: 'the code has brought a grant' },
    );
    await admin`update connections set state = 'disconnected' where id = ${attempt.connectionId}`;
    expect(await outcome).toMatchObject({ outcome: 'refused', code: 'cancelled' });
    expect(await liveGrants('square', account)).toEqual([]);
  });

  it('is reported as refused even when it cannot be revoked', async () => {
    const control = world.control.square;
    const [mine, other] = [await control.addAccount(), await control.addAccount()];
    const first = await world.connect(venueId, 'square', { account: mine.id });
    const again = await world.beginAgain(first, 'square');
    const callback = await world.approve(again, other.id);
    await control.fault({ match: { path: '/oauth2/revoke' }, kind: 'status', status: 401 });
    expect(await world.complete(again, callback)).toMatchObject({ outcome: 'refused', code: 'wrong-account' });
    expect(await world.audit(venueId)).toContain('connection.refused');
  });
});
