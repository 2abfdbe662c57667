import { beforeAll, afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../contracts/ids.ts';
import { closingStart } from '../../domain/venues/closing.ts';
import type { closeVenue } from '../../workflows/venues/close-venue.ts';
import { rowsOf } from '../db/closing/full-venue.ts';
import { createConnectionWorld } from '../support/worlds/connection-world.ts';
import type { ConnectionWorld } from '../support/worlds/connection-world.ts';
import { until } from '../support/eventually.ts';

describe('the closing of a venue whose accounts are connected by consent', () => {
  let world: ConnectionWorld;
  let venueId: VenueId;
  beforeAll(async () => {
    world = await createConnectionWorld();
  }, 120_000);
  beforeEach(async () => {
    venueId = await world.aVenue();
  });
  afterEach(() => world.control.square.clearFaults());
  afterAll(() => world.close());

  const square = () => world.control.square;
  const liveGrants = async (account: string) =>
    (await square().grants(account)).filter(({ endedAtMs }) => endedAtMs === null).length;
  const start = (shredAfterMs?: number) => {
    const [type, { args, ...options }] = closingStart({ venueId, requestedBy: 'an-admin', requestId: null });
    const [input] = args;
    return world.client.workflow.start<typeof closeVenue>(type, {
      ...options,
      args: [{ ...input, ...(shredAfterMs !== undefined && { shredAfterMs }) }],
    });
  };
  const remaining = async () =>
    Object.entries(await rowsOf(world.database.admin, venueId))
      .filter(([, count]) => count > 0)
      .map(([table]) => table);
  const revocations = async () =>
    (
      await world.database.admin<{ details: { revocation: string } }[]>`
        select details from audit_log where venue_id = ${venueId} and action = 'connection.disconnected'`
    ).map(({ details }) => details.revocation);

  it('revokes an access that nobody else uses, and leaves one that another venue uses', async () => {
    const [{ id: own }, { id: shared }] = [await square().addAccount(), await square().addAccount()];
    const other = await world.aVenue();
    const alone = await world.connect(venueId, 'square', { account: own });
    await world.connect(venueId, 'square', { account: shared });
    const theirs = await world.connect(other, 'square', { account: shared });
    const handle = await start();
    expect(await handle.result()).toMatchObject({ disconnected: 2, shredded: 0 });
    expect((await world.owner(alone.connectionId).describe()).status.name).toBe('COMPLETED');
    expect(await liveGrants(own)).toBe(0);
    expect(await liveGrants(shared)).toBeGreaterThan(0);
    expect((await revocations()).sort()).toEqual(['revoked', 'shared']);
    expect(await world.connectionOf(theirs)).toMatchObject({ state: 'active' });
    expect(await world.credentialsOf(theirs.connectionId)).toMatchObject({ grants: 1 });
    expect(await remaining()).toEqual(['audit_log']);
  });

  it('does not wait for ever for a provider that is away: the credentials go without it', async () => {
    const [{ id: away }, { id: there }] = [await square().addAccount(), await world.control.quickbooks.addAccount()];
    const stuck = await world.connect(venueId, 'square', { account: away });
    await world.connect(venueId, 'quickbooks', { account: there });
    await square().fault({ match: { path: '/oauth2/revoke' }, kind: 'status', status: 503, times: 10_000 });
    const handle = await start(4_000);
    expect(await handle.result()).toMatchObject({ disconnected: 2, shredded: 1 });
    expect((await revocations()).sort()).toEqual(['failed', 'revoked']);
    expect(await world.credentialsOf(stuck.connectionId)).toEqual({ keys: 0, grants: 0, generation: null });
    expect(await remaining()).toEqual(['audit_log']);
    await until(async () => (await world.owner(stuck.connectionId).describe()).status.name !== 'RUNNING', {
      limitMs: 20_000,
      what: 'its token manager has ended',
    });
  });

  it('withdraws an attempt to connect, and an approval that comes later connects nothing', async () => {
    const attempt = await world.begin(venueId, 'square');
    const { id: account } = await square().addAccount();
    const approval = await world.approve(attempt, account);
    await (await start()).result();
    expect((await attempt.handle.describe()).status.name).not.toBe('RUNNING');
    await world.complete(attempt, approval).catch(() => undefined);
    expect(await remaining()).toEqual(['audit_log']);
    expect(await liveGrants(account)).toBe(0);
  });

  it('goes on with what is left when it is asked for again after an operator has ended it', async () => {
    const { id: account } = await square().addAccount();
    await world.connect(venueId, 'square', { account });
    await square().fault({ match: { path: '/oauth2/revoke' }, kind: 'slow', delayMs: 3_000, times: 1 });
    const first = await start();
    await until(
      async () =>
        (await world.database.admin`select 1 from connections where venue_id = ${venueId} and state = 'disconnecting'`)
          .length > 0,
      { limitMs: 20_000, what: 'the connection is being disconnected' },
    );
    await first.terminate('an operator');
    expect(await remaining()).toContain('connections');
    expect(await (await start()).result()).toMatchObject({ shredded: 0 });
    expect(await liveGrants(account)).toBe(0);
    expect(await remaining()).toEqual(['audit_log']);
  });

  it('of a venue that is gone ends at once, and says nothing of it', async () => {
    await (await start()).result();
    const audited = await world.audit(venueId);
    expect(await (await start()).result()).toEqual({ disconnected: 0, shredded: 0, erased: 0 });
    expect(await world.audit(venueId)).toEqual(audited);
  });
});
