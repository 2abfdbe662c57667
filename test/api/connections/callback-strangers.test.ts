import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { CODE, createVisitors, expectPage } from './callback-visitors.ts';

const { api, anAttempt, visit } = createVisitors();

const unknownState = () => randomBytes(32).toString('base64url');

/** Statuses of that many visits with a state that no attempt has. */
async function hammer(
  world: ApiWorld,
  query: () => string,
  headers: Readonly<Record<string, string>> = {},
): Promise<readonly number[]> {
  const statuses = new Set<number>();
  for (let round = 0; round < 13; round += 1) {
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        world.send('GET', `/oauth/square/callback?${query()}`, { token: null, headers }),
      ),
    );
    for (const { status } of answers) statuses.add(status);
  }
  return [...statuses].sort();
}

describe('strangers at the callback', () => {
  it.each([
    ['unknown', () => `state=${unknownState()}&code=x`],
    ['malformed', () => 'state=x&code=x'],
    ['missing', () => 'code=x'],
  ])(
    'with %s states are limited, and an account owner behind the same address still connects',
    async (_case, query) => {
      const attempt = await anAttempt();
      expect(await hammer(api(), query)).toContain(429);
      expectPage(await visit({ state: attempt.state, code: CODE }), 200);
    },
  );

  it('are asked to retry, and the page does so by itself', async () => {
    await hammer(api(), () => 'state=x');
    const page = await visit('state=x');
    expectPage(page, 429, 'rate-limited');
    expect(page.text).toMatch(/<meta http-equiv="refresh" content="\d+">/);
    expect(Number(page.headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('cannot use up an attempt’s own visits without knowing its state', async () => {
    const [own, other] = [await anAttempt(), await anAttempt()];
    for (let round = 0; round < 61; round += 1) await visit({ state: other.state, error: 'server_error' });
    expectPage(await visit({ state: other.state, error: 'server_error' }), 429, 'rate-limited');
    expectPage(await visit({ state: own.state, code: CODE }), 200);
  });
});

describe('behind a proxy', () => {
  const from = (address: string) => ({ 'x-forwarded-for': address });

  it('that is trusted, visitors are distinguished by the address that the proxy names', async () => {
    const world = await createApiWorld({ config: { trustedProxies: ['127.0.0.1/32'] } });
    expect(await hammer(world, () => 'state=x', from('203.0.113.7'))).toEqual([404, 429]);
    expect(
      (await world.send('GET', '/oauth/square/callback?state=x', { token: null, headers: from('203.0.113.8') })).status,
    ).toBe(404);
    await world.close();
  });

  it('that is not trusted, the address that it names is ignored', async () => {
    const world = await createApiWorld();
    expect(await hammer(world, () => 'state=x', from('203.0.113.7'))).toEqual([404, 429]);
    expect(
      (await world.send('GET', '/oauth/square/callback?state=x', { token: null, headers: from('203.0.113.8') })).status,
    ).toBe(429);
    await world.close();
  });
});
