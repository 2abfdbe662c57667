import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ACCESS_REVOKED_SIGNAL } from '../../contracts/connections.ts';
import { createGrantWorld } from '../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../support/worlds/grant-world.ts';

let world: GrantWorld;
beforeAll(async () => {
  world = await createGrantWorld();
  await world.aWorker();
}, 120_000);
afterAll(() => world.close());
beforeEach(async () => {
  await Promise.all(Object.values(world.controls).map((control) => control.clearFaults()));
});

const looks = async (grant: TestGrant): Promise<number> =>
  (await world.steps(grant)).filter((step) => step === 'readGrant').length;

const checksOf = async (grant: TestGrant): Promise<number> =>
  (await world.steps(grant)).filter((step) => step === 'tryGrant').length;

describe('a revocation webhook', () => {
  it('makes the workflow ask the provider again after fifteen seconds when it comes often, and no oftener', async () => {
    const grant = await world.aGrant('square', 'code');
    const handle = await world.startOwner(grant);
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => checksOf(grant)).toBe(1);
    for (let word = 0; word < 20; word += 1) await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => checksOf(grant), { timeout: 40_000 }).toBe(2);
    const started = ((await handle.fetchHistory()).events ?? []).flatMap(
      ({ activityTaskScheduledEventAttributes: scheduled, eventTime }) =>
        scheduled?.activityType?.name === 'tryGrant' ? [Number(eventTime?.seconds)] : [],
    );
    expect((started[1] ?? 0) - (started[0] ?? 0)).toBeGreaterThanOrEqual(14);
    expect(await world.row(grant)).toMatchObject({ state: 'active', generation: 1 });
  }, 60_000);

  it.each([
    ['square', 'code'],
    ['square', 'pkce'],
    ['stripe', 'connect'],
    ['stripe', 'app'],
  ] as const)(
    'ends a grant that the provider refuses, with its reason and without a refresh: %s %s',
    async (provider, flow) => {
      const grant = await world.aGrant(provider, flow);
      const handle = await world.startOwner(grant);
      await world.controls[provider].revoke(grant.account);
      await handle.signal(ACCESS_REVOKED_SIGNAL);
      await expect
        .poll(() => world.row(grant))
        .toMatchObject({
          state: 'needs-reauth',
          cause: expect.stringContaining('taken back at the provider') as string,
        });
      expect(await world.refreshCalls(grant)).toEqual([]);
      expect(await world.auditOf(grant)).toEqual([
        { action: 'credentials.revoked', outcome: 'ok', details: { why: 'revoked-at-provider', generation: 1 } },
      ]);
      const calls = (await world.controls[provider].calls()).length;
      await handle.signal(ACCESS_REVOKED_SIGNAL);
      await expect.poll(() => looks(grant)).toBeGreaterThan(3);
      expect((await world.controls[provider].calls()).length).toBe(calls);
    },
  );

  it.each([
    ['square', 'code'],
    ['square', 'pkce'],
    ['stripe', 'connect'],
    ['stripe', 'app'],
  ] as const)('changes nothing when the provider accepts the grant: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    const handle = await world.startOwner(grant);
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => checksOf(grant)).toBe(1);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 1 });
    expect(await world.row(grant)).toMatchObject({ state: 'active', generation: 1 });
    expect(await world.auditOf(grant)).toEqual([]);
  });

  it('about an expired token is checked by a refresh', async () => {
    const [alive, dead] = await Promise.all([world.aGrant('stripe', 'app'), world.aGrant('stripe', 'app')]);
    await world.controls.stripe.revoke(dead.account);
    await Promise.all(
      [alive, dead].map(async (grant) => {
        await world.expire(grant);
        await (await world.startOwner(grant)).signal(ACCESS_REVOKED_SIGNAL);
      }),
    );
    await expect.poll(() => world.row(alive)).toMatchObject({ state: 'active', generation: 2 });
    await expect.poll(() => world.row(dead)).toMatchObject({ state: 'needs-reauth', generation: 1 });
    expect(await world.works(alive)).toBe(true);
  });

  it('is kept, but changes nothing, while the provider does not answer', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.controls.square.revoke(grant.account);
    await world.controls.square.fault({
      kind: 'status',
      status: 503,
      times: 3,
      match: { path: '/oauth2/token/status' },
    });
    await (await world.startOwner(grant)).signal(ACCESS_REVOKED_SIGNAL);
    await expect
      .poll(
        async () =>
          (await world.controls.square.calls()).filter(
            ({ account, status }) => account === grant.account && status === 503,
          ).length,
      )
      .toBeGreaterThan(0);
    expect(await world.row(grant)).toMatchObject({ state: 'active' });
    await expect
      .poll(() => world.row(grant), { timeout: 30_000 })
      .toMatchObject({ state: 'needs-reauth', cause: expect.stringContaining('taken back at the provider') as string });
  });

  it('does not block the connection when the provider cannot be asked, and the next webhook is checked again', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.controls.square.revoke(grant.account);
    // A flow whose app is not configured here.
    await world.admin`update connections set flow = 'connect' where id = ${grant.connectionId}`;
    const handle = await world.startOwner(grant);
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect
      .poll(
        async () =>
          (await handle.fetchHistory()).events?.filter(
            ({ activityTaskFailedEventAttributes: failed }) => failed != null,
          ).length,
      )
      .toBe(1);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 1 });
    await world.admin`update connections set flow = 'code' where id = ${grant.connectionId}`;
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => world.row(grant), { timeout: 30_000 }).toMatchObject({ state: 'needs-reauth' });
  }, 60_000);

  it('ends a suspended connection’s grant as well', async () => {
    const grant = await world.aGrant('square', 'code');
    await world.admin`update connections set state = 'suspended' where id = ${grant.connectionId}`;
    const handle = await world.startOwner(grant);
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => world.steps(grant)).toContain('tryGrant');
    expect(await world.row(grant)).toMatchObject({ state: 'suspended' });
    await world.controls.square.revoke(grant.account);
    await handle.signal(ACCESS_REVOKED_SIGNAL);
    await expect.poll(() => world.row(grant), { timeout: 30_000 }).toMatchObject({ state: 'needs-reauth' });
  }, 60_000);
});
