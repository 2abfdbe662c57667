import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { OAuthFlow } from '../../../contracts/providers.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld } from '../../support/worlds/grant-world.ts';
import type { AppProvider } from '../../support/test-providers.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

const TOKEN_PATHS: Readonly<Record<string, string>> = {
  quickbooks: '/oauth2/v1/tokens/bearer',
  stripe: '/v1/oauth/token',
  square: '/oauth2/token',
};
const SINGLE_USE = [
  ['stripe', 'app'],
  ['square', 'pkce'],
] as const satisfies readonly (readonly [AppProvider, OAuthFlow])[];

let world: GrantWorld;
beforeAll(async () => {
  world = await createGrantWorld();
  await world.aWorker();
}, 120_000);
afterAll(() => world.close());
beforeEach(async () => {
  await Promise.all(Object.values(world.controls).map((control) => control.clearFaults()));
});

const onToken = (provider: AppProvider) => ({ path: TOKEN_PATHS[provider] });

describe('an answer lost after the provider has rotated the token', () => {
  it.each([
    { how: 'a connection that is cut', fault: { kind: 'commit-then-fail', times: 1 } },
    { how: 'a 500', fault: { kind: 'commit-then-fail', status: 500, times: 1 } },
    { how: 'half an answer', fault: { kind: 'truncate', times: 1 } },
  ])('is requested again when the old token still works: $how', async ({ fault }) => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({ ...fault, match: onToken('quickbooks') });
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.refreshCalls(grant)).toHaveLength(2);
    expect(await world.works(grant)).toBe(true);
    expect(await world.row(grant)).toMatchObject({ state: 'active', sentAt: null });
  });

  it.each(SINGLE_USE)(
    'is reported as lost at once when a refresh token works only once: %s %s',
    async (provider, flow) => {
      const grant = await world.aGrant(provider, flow);
      await world.expire(grant);
      await world.controls[provider].fault({ kind: 'commit-then-fail', times: 1, match: onToken(provider) });
      const elapsedMs = startStopwatch();
      expect(await world.ensureFresh(grant)).toEqual({ status: 'needs-reauth', generation: 1 });
      // The design requires that the loss is reported within five seconds.
      expect(elapsedMs()).toBeLessThan(5_000);
      expect(await world.row(grant)).toMatchObject({
        state: 'needs-reauth',
        cause: expect.stringContaining('answer to a token refresh was lost') as string,
        nextAction: expect.any(String) as string,
        nextRefreshAt: null,
      });
      expect(await world.refreshCalls(grant)).toHaveLength(2);
      expect(await world.auditOf(grant)).toEqual([
        {
          action: 'credentials.refreshed',
          outcome: 'refused',
          details: { provider, generation: 1, why: 'refresh-response-lost' },
        },
      ]);
    },
  );

  it.each([408, 409, 425, 499].flatMap((status) => SINGLE_USE.map(([provider, flow]) => ({ status, provider, flow }))))(
    'may be hidden by a $status, which says nothing about the token: $provider $flow',
    async ({ status, provider, flow }) => {
      const grant = await world.aGrant(provider, flow);
      await world.expire(grant);
      await world.controls[provider].fault({ kind: 'commit-then-fail', status, times: 1, match: onToken(provider) });
      await expect.poll(() => world.ensureFresh(grant)).toEqual({ status: 'needs-reauth', generation: 1 });
      expect(await world.auditOf(grant)).toMatchObject([
        { outcome: 'refused', details: { why: 'refresh-response-lost' } },
      ]);
    },
  );

  it.each(SINGLE_USE)('costs nothing when the provider had not yet rotated: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    await world.expire(grant);
    await world.controls[provider].fault({ kind: 'reset', times: 1, match: onToken(provider) });
    expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
    expect(await world.works(grant)).toBe(true);
  });

  it('is not assumed for a grant revoked after a refusal that the provider did answer', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({
      kind: 'status',
      status: 429,
      retryAfter: 0,
      times: 1,
      match: onToken('quickbooks'),
    });
    await world.controls.quickbooks.revoke(grant.account);
    expect(await world.ensureFresh(grant)).toMatchObject({ status: 'needs-reauth' });
    expect(await world.row(grant)).toMatchObject({
      cause: expect.stringContaining('taken back there, or has expired') as string,
    });
  });
});

describe('a revoked grant', () => {
  it.each([
    ['quickbooks', 'code'],
    ['stripe', 'app'],
    ['square', 'code'],
    ['square', 'pkce'],
  ] as const)('causes one provider call for any number of callers: %s %s', async (provider, flow) => {
    const grant = await world.aGrant(provider, flow);
    await world.expire(grant);
    await world.controls[provider].revoke(grant.account);
    for (let round = 0; round < 3; round += 1) {
      const answers = await Promise.all(Array.from({ length: 9 }, () => world.ensureFresh(grant)));
      expect(answers).toEqual(Array.from({ length: 9 }, () => ({ status: 'needs-reauth', generation: 1 })));
    }
    expect(await world.refreshCalls(grant)).toHaveLength(1);
    expect(await world.row(grant)).toMatchObject({
      state: 'needs-reauth',
      nextAction: expect.stringContaining('reauthorize') as string,
    });
  });
});

describe('an outage of the provider', () => {
  it.each([
    { what: '503', fault: { kind: 'status', status: 503 } },
    { what: 'a web page', fault: { kind: 'html', status: 200 } },
    { what: 'a web page with 401', fault: { kind: 'html', status: 401 } },
    { what: 'cut connections', fault: { kind: 'reset' } },
    { what: 'an empty answer', fault: { kind: 'status', status: 502, body: 'empty' } },
    { what: '429', fault: { kind: 'status', status: 429, retryAfter: 1 } },
  ])('never causes needs-reauth, is shown, and causes no additional calls: $what', async ({ fault }) => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({ ...fault, match: onToken('quickbooks') });
    expect(await world.ensureFresh(grant)).toEqual({ status: 'unavailable', generation: 1 });
    await expect
      .poll(() => world.row(grant))
      .toMatchObject({ state: 'degraded', cause: expect.stringContaining('syncs wait') as string });
    const calls = (await world.refreshCalls(grant)).length;
    expect(calls).toBeLessThanOrEqual(3);
    await Promise.all(Array.from({ length: 9 }, () => world.ensureFresh(grant)));
    expect(await world.refreshCalls(grant)).toHaveLength(calls);
  });

  it('ends by itself with the overdue refresh, without any caller', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({ kind: 'status', status: 503, match: onToken('quickbooks') });
    expect(await world.ensureFresh(grant)).toEqual({ status: 'unavailable', generation: 1 });
    await expect.poll(() => world.row(grant)).toMatchObject({ state: 'degraded' });
    await world.controls.quickbooks.clearFaults();
    await expect
      .poll(() => world.row(grant), { timeout: 20_000 })
      .toMatchObject({ state: 'active', cause: null, generation: 2 });
    expect(await world.works(grant)).toBe(true);
  }, 40_000);

  it('is assumed when the app’s own secret is refused, which no venue can fix', async () => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    await world.controls.quickbooks.fault({
      kind: 'status',
      status: 401,
      code: 'invalid_client',
      match: onToken('quickbooks'),
    });
    expect(await world.ensureFresh(grant)).toMatchObject({ status: 'unavailable' });
    await expect.poll(() => world.row(grant)).toMatchObject({ state: 'degraded' });
  });
});

describe('a clock difference', () => {
  it.each([10, -10])('of %i minutes keeps a token in use, and a refused token is renewed', async (minutes) => {
    const grant = await world.aGrant('quickbooks', 'code');
    await world.controls.quickbooks.clock(minutes * 60_000);
    try {
      await world.expire(grant);
      expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
      expect(await world.works(grant)).toBe(true);
      // A second call must not refresh again.
      expect(await world.ensureFresh(grant)).toEqual({ status: 'fresh', generation: 2 });
      expect(await world.ensureFresh(grant, { rejectedGeneration: 2 })).toEqual({ status: 'fresh', generation: 3 });
      expect(await world.refreshCalls(grant)).toHaveLength(2);
    } finally {
      await world.controls.quickbooks.clock(0);
    }
  });
});
