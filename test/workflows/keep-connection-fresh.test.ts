import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { GRANT_REPLACED_SIGNAL, KEEP_CONNECTION_FRESH } from '../../contracts/connections.ts';
import { createGrantWorld } from '../support/worlds/grant-world.ts';
import type { GrantWorld, TestGrant } from '../support/worlds/grant-world.ts';
import type { StripeSettings } from '../../providers/stripe/settings.ts';

const DAY_MS = 24 * 60 * 60_000;

let world: GrantWorld;
beforeAll(async () => {
  world = await createGrantWorld();
  await world.aWorker();
}, 120_000);
afterAll(() => world.close());
beforeEach(async () => {
  await Promise.all(Object.values(world.controls).map((control) => control.clearFaults()));
});

async function attributes(grant: TestGrant): Promise<Record<string, unknown>> {
  const { typedSearchAttributes } = await world.owner(grant).describe();
  return Object.fromEntries(typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]));
}

describe('an idle connection', () => {
  it('refreshes its token when it is due, and the provider accepts the new one', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.makeDue(grant);
    await world.startOwner(grant);
    await expect.poll(() => world.row(grant)).toMatchObject({ state: 'active', generation: 2, sentAt: null });
    expect(await world.works(grant)).toBe(true);
    expect((await world.row(grant)).nextRefreshAt!.getTime()).toBeGreaterThan(Date.now() + 30 * 60_000);
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.auditOf(grant)).toEqual([
      { action: 'credentials.refreshed', outcome: 'ok', details: { provider: 'quickbooks', generation: 2 } },
    ]);
  });

  it.each([
    ['stripe', 'connect'],
    ['mailchimp', 'code'],
  ] as const)('sets no timer when its provider’s tokens do not expire: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 1 });
    const { events } = await world.owner(grant).fetchHistory();
    expect(events?.filter(({ timerStartedEventAttributes: timer }) => timer != null)).toEqual([]);
    expect(await world.refreshCalls(grant)).toEqual([]);
  });

  it('shows its state and its next refresh, and nothing of the token', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.ensureFresh(grant);
    const details = await world.owner(grant).query<{ currentDetails?: string }>('__temporal_workflow_metadata');
    expect(JSON.stringify(details)).toContain((await world.row(grant)).nextRefreshAt!.toISOString());
    expect(await attributes(grant)).toMatchObject({
      VenueId: grant.venueId,
      ConnectionId: grant.connectionId,
      Provider: 'quickbooks',
      Phase: 'active',
    });
  });
});

describe('the cost of an idle connection', () => {
  /** Events of the history that Temporal bills as actions (https://docs.temporal.io/cloud/actions, read 2026-11-21). */
  async function actions(grant: TestGrant): Promise<Readonly<Record<string, number>>> {
    const { events } = await world.owner(grant).fetchHistory();
    const count = (
      attributes:
        | 'activityTaskScheduledEventAttributes'
        | 'timerStartedEventAttributes'
        | 'upsertWorkflowSearchAttributesEventAttributes',
    ) => events?.filter((event) => event[attributes] != null).length ?? 0;
    return {
      activities: count('activityTaskScheduledEventAttributes'),
      timers: count('timerStartedEventAttributes'),
      upserts: count('upsertWorkflowSearchAttributesEventAttributes'),
    };
  }

  it.each([
    ['quickbooks', 'code'],
    ['stripe', 'app'],
    ['square', 'code'],
    ['square', 'pkce'],
  ] as const)('is one read at the start, then a timer and an activity per refresh: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    await world.makeDue(grant);
    await world.startOwner(grant);
    await expect.poll(() => world.row(grant)).toMatchObject({ generation: 2 });
    await expect.poll(() => actions(grant)).toEqual({ activities: 2, timers: 1, upserts: 0 });
  });

  it.each([
    ['stripe', 'connect'],
    ['mailchimp', 'code'],
  ] as const)('is zero when its tokens do not expire: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    await world.startOwner(grant);
    await expect.poll(() => actions(grant)).toEqual({ activities: 1, timers: 0, upserts: 0 });
  });
});

describe('concurrent callers', () => {
  it('share one refresh, and all get the new token', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.expire(grant);
    const answers = await Promise.all(Array.from({ length: 9 }, () => world.ensureFresh(grant)));
    expect(answers).toEqual(Array.from({ length: 9 }, () => ({ status: 'fresh', generation: 2 })));
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.works(grant)).toBe(true);
  });

  it('of different connections do not wait for each other’s provider', async () => {
    const [slow, quick] = await Promise.all([world.aGrant('quickbooks', 'code'), world.aGrant('square', 'code')]);
    await Promise.all([world.expire(slow), world.expire(quick)]);
    await world.controls.quickbooks.fault({
      kind: 'slow',
      delayMs: 4_000,
      times: 1,
      match: { path: '/oauth2/v1/tokens/bearer' },
    });
    const order: string[] = [];
    await Promise.all([
      world.ensureFresh(slow).then(() => order.push('slow')),
      world.ensureFresh(quick).then(() => order.push('quick')),
    ]);
    expect(order).toEqual(['quick', 'slow']);
  });
});

describe('a token that the provider refuses', () => {
  it('is refreshed once; when the new token is refused too, the access is gone', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    expect(await world.ensureFresh(grant, { rejectedGeneration: 1 })).toEqual({ status: 'fresh', generation: 2 });
    // A late report about the first token.
    expect(await world.ensureFresh(grant, { rejectedGeneration: 1 })).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.ensureFresh(grant, { rejectedGeneration: 2 })).toEqual({
      status: 'needs-reauth',
      generation: 2,
    });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.row(grant)).toMatchObject({
      state: 'needs-reauth',
      nextAction: expect.stringContaining('reauthorize') as string,
    });
    expect(await attributes(grant)).toMatchObject({ Phase: 'needs-reauth', NeedsAttention: true });
  });

  it('means that the access is gone when it cannot be refreshed', async () => {
    const grant = await world.aGrant('mailchimp', 'code');
    expect(await world.ensureFresh(grant, { rejectedGeneration: 1 })).toEqual({
      status: 'needs-reauth',
      generation: 1,
    });
  });

  it('does not affect a newer grant', async () => {
    const grant = await world.aGrant('mailchimp', 'code');
    await world.admin`update oauth_tokens set generation = 2 where connection_id = ${grant.connectionId}`;
    expect(await world.ensureFresh(grant, { rejectedGeneration: 1 })).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.row(grant)).toMatchObject({ state: 'active' });
  });
});

describe('the signal that a connection has changed', () => {
  it('makes the token manager of a dead connection serve the new grant', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.controls.stripe.revoke(grant.account);
    await world.expire(grant);
    expect(await world.ensureFresh(grant)).toMatchObject({ status: 'needs-reauth' });
    // The state that an approval leaves.
    await world.admin`update oauth_tokens set generation = 2, access_expires_at = now() + interval '1 hour' where connection_id = ${grant.connectionId}`;
    await world.admin`update connections set state = 'active', cause = null, next_refresh_at = now() + interval '45 minutes' where id = ${grant.connectionId}`;
    await world.owner(grant).signal(GRANT_REPLACED_SIGNAL);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
    await expect.poll(() => attributes(grant)).toMatchObject({ Phase: 'active', NeedsAttention: false });
  });

  it('does not stop refreshes of a suspended connection, and ends the workflow of one that is gone', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.makeDue(grant);
    await world.admin`update connections set state = 'suspended' where id = ${grant.connectionId}`;
    await world.startOwner(grant);
    await expect.poll(() => world.row(grant)).toMatchObject({ state: 'suspended', generation: 2 });
    await world.admin`update connections set state = 'disconnected' where id = ${grant.connectionId}`;
    await world.owner(grant).signal(GRANT_REPLACED_SIGNAL);
    await world.owner(grant).result();
    expect(await world.ensureFresh(grant)).toMatchObject({ status: 'disconnected' });
  });
});

describe('a token manager that reads the connection again', () => {
  it('gives no caller an answer from before the signal', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 1 });
    await world.expire(grant);
    const asked = await world.admin.begin(async (sql) => {
      // The read takes as long as this transaction is open.
      await sql`lock table oauth_tokens`;
      await world.owner(grant).signal(GRANT_REPLACED_SIGNAL);
      await expect.poll(() => world.steps(grant)).toEqual(['readGrant', 'readGrant']);
      const asks = [world.ensureFresh(grant), world.ensureFresh(grant)];
      await expect
        .poll(
          async () =>
            (await world.owner(grant).fetchHistory()).events?.filter(
              ({ workflowExecutionUpdateAcceptedEventAttributes: ask }) => ask != null,
            ).length,
        )
        .toBe(3);
      // Wrapped in an object, because `begin` awaits an array's promises.
      return { asks };
    });
    expect(await Promise.all(asked.asks)).toEqual([
      { status: 'fresh', generation: 2 },
      { status: 'fresh', generation: 2 },
    ]);
    expect(await world.refreshCalls(grant)).toHaveLength(1);
  });
});

describe('a connection with a key', () => {
  async function aKey(): Promise<TestGrant> {
    const { venueId, connectionId } = await world.aGrant('stripe', 'connect');
    await world.admin`delete from connections where id = ${connectionId}`;
    const sealedKey = await world.sealer.seal((world.config.providers['stripe'] as StripeSettings).secretKey!, {
      venueId,
      connectionId,
      purpose: 'provider-api-key',
    });
    await world.connections.saveWithApiKey({
      venueId,
      connectionId,
      provider: 'stripe',
      environment: 'sandbox',
      account: { id: `acct_${randomBytes(6).toString('hex')}`, name: null },
      scopes: [],
      sealedKey,
    });
    return { venueId, connectionId, provider: 'stripe', account: 'none' };
  }

  it('has a token manager that neither refreshes nor sets a timer', async () => {
    const key = await aKey();
    expect(await world.ensureFresh(key)).toEqual({ status: 'fresh', generation: 1 });
    expect(await world.steps(key)).toEqual(['readGrant']);
    expect(
      (await world.owner(key).fetchHistory()).events?.filter(({ timerStartedEventAttributes: timer }) => timer != null),
    ).toEqual([]);
  });

  it('needs another key when the provider refuses this one', async () => {
    const key = await aKey();
    expect(await world.ensureFresh(key, { rejectedGeneration: 1 })).toEqual({ status: 'needs-reauth', generation: 1 });
    expect(await world.connections.find(key)).toMatchObject({ state: 'needs-reauth' });
  });
});

describe('a grant that will expire for good', () => {
  const dying = async (days: number): Promise<TestGrant> => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.admin`update oauth_tokens set refresh_hard_expires_at = ${new Date(Date.now() + days * DAY_MS)} where connection_id = ${grant.connectionId}`;
    return grant;
  };
  const warnings = async (grant: TestGrant) =>
    (await world.auditOf(grant)).map(({ action, details }) => ({
      action,
      kind: details['kind'],
      daysLeft: details['daysLeft'],
    }));

  it.each([
    { days: 29.5, daysLeft: 30, urgent: false },
    { days: 6.5, daysLeft: 7, urgent: true },
    { days: 0.5, daysLeft: 1, urgent: true },
  ])('causes one warning when $days days are left', async ({ days, daysLeft, urgent }) => {
    const grant = await dying(days);
    await world.ensureFresh(grant);
    await expect
      .poll(() => warnings(grant))
      .toEqual([{ action: 'connection.expiry-warned', kind: 'refresh-token-hard-limit', daysLeft }]);
    await expect.poll(async () => (await attributes(grant))['NeedsAttention']).toBe(urgent);
    await world.owner(grant).signal(GRANT_REPLACED_SIGNAL);
    await expect.poll(async () => (await world.steps(grant)).filter((step) => step === 'readGrant').length).toBe(2);
    expect(await warnings(grant)).toHaveLength(1);
  });
});

describe('a token manager that an operator has terminated', () => {
  it('is started again by the next request, and misses nothing', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.ensureFresh(grant);
    await world.owner(grant).terminate('a test');
    await world.expire(grant);
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
    expect((await world.owner(grant).describe()).type).toBe(KEEP_CONNECTION_FRESH);
  });

  it('loses no token when it is terminated during a refresh', async () => {
    const grant = await world.aGrant('stripe', 'app');
    await world.expire(grant);
    await world.controls.stripe.fault({ kind: 'slow', delayMs: 1_500, times: 1, match: { path: '/v1/oauth/token' } });
    const first = world.ensureFresh(grant).catch((error: unknown) => error);
    await expect.poll(() => world.steps(grant)).toContain('refreshGrant');
    await world.owner(grant).terminate('a test');
    await first;
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.works(grant)).toBe(true);
  });
});
