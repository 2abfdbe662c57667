import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { ConnectionBody } from '../support/service-client.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';

/** How often the account owner's browser visits the callback before the test gives up. */
const MAX_VISITS = 6;

type Connecting = ConnectionBody & { readonly authorizationUrl: string };

describe('an attempt to connect', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ ownServers: true });
  }, 180_000);
  afterAll(() => system.stop());

  const square = () => oauthControl(system.sandbox.square.controlUrl);
  async function begin(venueId: string): Promise<Connecting> {
    const { status, body } = await system.api.tryPost(`/v1/venues/${venueId}/connections`, {
      provider: 'square',
      environment: 'sandbox',
    });
    expect(status, JSON.stringify(body)).toBe(201);
    return body as Connecting;
  }
  const browser = ownerBrowser(() => system.apiUrl);
  /**
   * Does what the account owner's browser does after the approval, with our public name as behind a proxy. Follows the
   * page's requests to reload.
   */
  async function comeBack(redirectUrl: string): Promise<{ readonly status: number; readonly page: string }> {
    let address = redirectUrl;
    for (let visits = 1; ; visits += 1) {
      const response = await browser.visit(address);
      const page = await response.text();
      const [, afterS, path] = /<meta http-equiv="refresh" content="(\d+)(?:;url=([^"]+))?">/.exec(page) ?? [];
      if (afterS === undefined || visits === MAX_VISITS) return { status: response.status, page };
      if (path !== undefined) address = new URL(path, redirectUrl).href;
      await sleep(Number(afterS) * 1_000);
    }
  }

  const isIn = (venueId: string, { id }: Connecting, state: string) =>
    until(
      () =>
        system.api.connection(venueId, id).then(
          (connection) => connection.state === state,
          () => false,
        ),
      { limitMs: 60_000, what: `the connection is ${state}`, everyMs: 200 },
    );

  it.each([['api'], ['worker'], ['temporal'], ['postgres']] as const)(
    'survives a restart of %s while the account owner approves',
    async (service) => {
      const venueId = await system.api.createVenue();
      const connecting = await begin(venueId);
      expect(connecting.state).toBe('connecting');
      const { redirectUrl } = await square().approve(await browser.open(connecting.authorizationUrl), 'new');
      await system.kill(service);
      await isIn(venueId, connecting, 'connecting');
      const { page } = await comeBack(redirectUrl);
      // Holds even when a first visit was accepted and its answer lost: the second visit leads to the same end.
      expect(page).toContain('<title>Square is connected</title>');
      await isIn(venueId, connecting, 'active');
    },
    120_000,
  );

  it.each([
    ['the provider is still answering', { path: '/oauth2/token' }, 'sent'],
    ['it is asked whose account it is', { path: '/oauth2/token/status' }, 'granted'],
  ])(
    'exchanges its code once although Postgres dies while %s',
    async (_when, match, state) => {
      const venueId = await system.api.createVenue();
      const connecting = await begin(venueId);
      const { redirectUrl } = await square().approve(await browser.open(connecting.authorizationUrl), 'new');
      await square().fault({
        match: { method: 'POST', path: `^${match.path}$` },
        kind: 'slow',
        delayMs: 3_000,
        times: 1,
      });
      const since = Date.now();
      const visit = comeBack(redirectUrl).catch(() => null);
      await until(
        async () =>
          (
            await system.database`select 1 from authorization_exchanges where connection_id = ${connecting.id} and state = ${state}`
          ).length === 1,
        { limitMs: 30_000, what: `the exchange is ${state}`, everyMs: 50 },
      );
      await system.kill('postgres');
      await visit;
      await isIn(venueId, connecting, 'active');
      expect((await square().calls(since)).filter(({ grantType }) => grantType === 'authorization_code')).toHaveLength(
        1,
      );
    },
    120_000,
  );

  it('accepts a state only once, even after every process restarts', async () => {
    const venueId = await system.api.createVenue();
    const connecting = await begin(venueId);
    const { redirectUrl } = await square().approve(await browser.open(connecting.authorizationUrl), 'new');
    expect((await comeBack(redirectUrl)).status).toBe(200);
    await Promise.all([system.kill('api'), system.kill('worker'), system.kill('temporal')]);
    const again = await comeBack(redirectUrl);
    expect({ ...again, page: again.page.includes('authorization-used') }).toEqual({ status: 409, page: true });
  }, 120_000);
});
