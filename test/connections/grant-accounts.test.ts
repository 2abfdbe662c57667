import { describe, expect, it } from 'vitest';
import { listAccountsWorkflowId } from '../../contracts/connections.ts';
import type { ConnectionRef, VenueId } from '../../contracts/ids.ts';
import { createAccountChoiceStore } from '../../db/connections/account-choice-store.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { textOf } from '../support/history.ts';
import { useConnectionWorld } from './connection-suite.ts';

const LOCATIONS = { path: '/v2/locations' };
const BAR = { id: 'LBAR', name: 'Zum Anker, Rückgebäude' };
const CAFE = { id: 'LCAFE', name: 'Café' };

describe('the locations of a Square merchant', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  useConnectionWorld((given, newVenue) => {
    world = given;
    venueId = newVenue;
  });

  const square = () => world.control.square;
  async function connect(flow?: 'code' | 'pkce') {
    const connected = await world.connect(venueId, 'square', { account: 'new', flow });
    expect(connected.outcome).toMatchObject({ outcome: 'connected' });
    return { ...connected, account: (await world.connectionOf(connected)).account?.id ?? '' };
  }
  const open = (account: string, locations: readonly object[]) =>
    square().send('PUT', '/locations', { account, locations });
  const list = (ref: ConnectionRef) => world.connectionGateway.listAccounts({ ...ref, provider: 'square' });
  const choices = () => createAccountChoiceStore(world.database.db);
  const choice = (ref: ConnectionRef) => choices().find(ref);

  it.each([
    ['is in trouble', { kind: 'status', status: 503 }, 'provider-unavailable'],
    ['breaks off', { kind: 'reset' }, 'provider-unavailable'],
    ['asks to slow down', { kind: 'status', status: 429 }, 'provider-unavailable'],
    ['is not who answers', { kind: 'html', status: 200 }, 'provider-unexpected'],
    ['refuses the request', { kind: 'status', status: 400 }, 'provider-refused'],
    ['lets the grant read too little', { kind: 'status', status: 403 }, 'permissions-missing'],
  ])('are not told when Square %s, and what was known stays', async (_what, fault, refusal) => {
    const connected = await connect();
    await open(connected.account, [BAR]);
    await list(connected);
    const before = await choice(connected);
    await square().fault({ match: LOCATIONS, ...fault });
    expect(await list(connected)).toEqual({ outcome: 'unavailable', refusal });
    expect(await choice(connected)).toEqual(before);
    expect(await world.connectionOf(connected)).toMatchObject({ state: 'active' });
  });

  it('are not told by a grant that was taken back, and the connection says so', async () => {
    const connected = await connect();
    await square().revoke(connected.account);
    expect(await list(connected)).toEqual({ outcome: 'refused', refusal: null });
    await world.reaches(connected, 'needs-reauth');
    expect(await choice(connected)).toMatchObject({ listed: null });
  });

  it('are told by a token that has ended: it is renewed first', async () => {
    const connected = await connect('pkce');
    await square().expire(connected.account);
    await world.database
      .admin`update oauth_tokens set access_expires_at = now() - interval '1 second' where connection_id = ${connected.connectionId}`;
    expect(await list(connected)).toEqual({ outcome: 'accepted', refusal: null });
    expect((await choice(connected))?.listed).toHaveLength(1);
  });

  it('are listed with their names, inactive ones too, and all are chosen', async () => {
    const connected = await connect();
    await open(connected.account, [BAR, { ...CAFE, status: 'INACTIVE' }]);
    expect(await list(connected)).toEqual({ outcome: 'accepted', refusal: null });
    expect(await choice(connected)).toEqual({
      listed: [
        { ...CAFE, gone: false },
        { ...BAR, gone: false },
      ],
      listedAt: expect.any(Date) as Date,
      chosen: null,
    });
  });

  it('leave no name in a workflow’s history, where whoever sees the Temporal Web UI would read it', async () => {
    const connected = await connect();
    await open(connected.account, [BAR]);
    await list(connected);
    const handle = world.client.workflow.getHandle(listAccountsWorkflowId(connected.connectionId));
    const history = textOf(await handle.fetchHistory());
    expect(history).toContain('listAccounts');
    expect(history).not.toMatch(/Zum Anker|LBAR/);
  });

  it('that a merchant has none of, and names that cannot be stored, are no error', async () => {
    const connected = await connect();
    await open(connected.account, []);
    expect(await list(connected)).toEqual({ outcome: 'accepted', refusal: null });
    expect(await choice(connected)).toMatchObject({ listed: [] });
    await open(connected.account, [{ id: 'LODD', name: 'nul\u0000 and half a pair \ud83d' }]);
    expect(await list(connected)).toEqual({ outcome: 'accepted', refusal: null });
    expect((await choice(connected))?.listed).toMatchObject([{ id: 'LODD' }]);
  });

  it('that are listed no more are gone, and here again when Square lists them again', async () => {
    const connected = await connect();
    await open(connected.account, [BAR, CAFE]);
    await list(connected);
    await choices().choose(connected, ['LBAR', 'LCAFE']);
    await open(connected.account, [BAR]);
    expect(await list(connected)).toEqual({ outcome: 'accepted', refusal: null });
    expect(await choice(connected)).toMatchObject({
      listed: [
        { ...BAR, gone: false },
        { ...CAFE, gone: true },
      ],
      chosen: ['LBAR', 'LCAFE'],
    });
    await open(connected.account, [BAR, CAFE]);
    await list(connected);
    expect((await choice(connected))?.listed?.map(({ gone }) => gone)).toEqual([false, false]);
  });

  it('are chosen anew, all of them, by a connection that is disconnected and connected again', async () => {
    const connected = await connect();
    await list(connected);
    const [location] = (await choice(connected))?.listed ?? [];
    await choices().choose(connected, [location?.id ?? '']);
    // Approving again keeps the choice.
    const again = await world.beginAgain(connected, 'square');
    await world.complete(again, await world.approve(again, connected.account));
    expect(await choice(connected)).toMatchObject({ chosen: [location?.id] });
    await world.disconnect(connected);
    expect(await choice(connected)).toEqual({ listed: null, listedAt: null, chosen: null });
  });
});
