import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Environment, OAuthFlow } from '../../contracts/providers.ts';
import { until } from '../support/eventually.ts';
import { ownerBrowser } from '../support/owner-browser.ts';
import { oauthControl } from '../support/sandbox/sandbox-oauth.ts';
import type { ConnectionBody } from '../support/service-client.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import type { AppProvider } from '../support/test-providers.ts';

const RETURN_URL = 'https://shop.test/connected';

let system: System;
beforeAll(async () => {
  system = await startSystem({ env: { STRIPE_REQUESTS_PER_SECOND: '2000', RETURN_URLS: RETURN_URL } });
  await system.stripe.limits({ requestsPerSecond: 0 });
}, 120_000);
afterAll(() => system.stop());

interface Kind {
  readonly provider: AppProvider;
  readonly flow: OAuthFlow;
  readonly environment: Environment;
  readonly accountId: RegExp;
  readonly scope: string | null;
  /** Whether its token is refreshed, and whether the refresh token expires all the same. */
  readonly renewed: boolean;
  readonly ends: boolean;
}

const CONNECT: Kind = {
  provider: 'stripe',
  flow: 'connect',
  environment: 'sandbox',
  accountId: /^acct_/,
  scope: 'read_write',
  renewed: false,
  ends: false,
};
const SQUARE: Kind = {
  provider: 'square',
  flow: 'code',
  environment: 'sandbox',
  accountId: /./,
  scope: 'CUSTOMERS_READ',
  renewed: true,
  ends: false,
};
const PKCE: Kind = { ...SQUARE, flow: 'pkce', ends: true };
const QUICKBOOKS: Kind = {
  provider: 'quickbooks',
  flow: 'code',
  environment: 'sandbox',
  accountId: /^\d+$/,
  scope: 'com.intuit.quickbooks.accounting',
  renewed: true,
  ends: true,
};
const KINDS: readonly Kind[] = [
  CONNECT,
  { ...CONNECT, flow: 'app', scope: null, renewed: true, ends: true },
  SQUARE,
  PKCE,
  QUICKBOOKS,
  {
    provider: 'mailchimp',
    flow: 'code',
    environment: 'production',
    accountId: /./,
    scope: null,
    renewed: false,
    ends: false,
  },
];

interface Begun {
  readonly id: string;
  readonly state: string;
  readonly authorizationUrl: string;
}

const control = (provider: AppProvider) => oauthControl(system.sandbox[provider].controlUrl);
const connections = (venueId: string) => `/v1/venues/${venueId}/connections`;

async function begin(venueId: string, { provider, flow, environment }: Kind, more: object = {}): Promise<Begun> {
  const { status, body } = await system.api.tryPost(connections(venueId), { provider, environment, flow, ...more });
  expect([status, body]).toMatchObject([201, { provider, flow, state: 'connecting', account: null }]);
  return body as Begun;
}

/** The account owner's browser on its way back. It stops at the first page that is not ours or that stays. */
const browser = ownerBrowser(() => system.apiUrl);
const comeBack = (redirectUrl: string) => browser.visit(redirectUrl);

async function connect(
  venueId: string,
  kind: Kind,
  account?: string,
): Promise<{
  readonly connection: ConnectionBody;
  readonly page: string;
  readonly redirectUrl: string;
  readonly account: string;
}> {
  const begun = await begin(venueId, kind);
  const approved = await control(kind.provider).approve(await browser.open(begun.authorizationUrl), account ?? 'new');
  const response = await comeBack(approved.redirectUrl);
  const page = await response.text();
  expect(response.status, `${page}\n${system.logOf('api')}`).toBe(200);
  const id = /Connection: ([0-9a-f-]{36})/.exec(page)?.[1] ?? '';
  return {
    connection: await system.api.connection(venueId, id),
    page,
    redirectUrl: approved.redirectUrl,
    account: approved.account,
  };
}

async function disconnect(venueId: string, id: string): Promise<ConnectionBody> {
  expect(await system.api.tryDelete(`${connections(venueId)}/${id}`)).toMatchObject({ status: 202 });
  return until(
    async () => {
      const connection = await system.api.connection(venueId, id);
      return connection.state === 'disconnected' ? connection : null;
    },
    { limitMs: 60_000, what: `connection ${id} is disconnected` },
  );
}

describe.each(KINDS)('connecting $provider by its $flow flow', (kind) => {
  it('goes from the URL through the consent to an active connection, and through disconnecting and reconnecting', async () => {
    const venueId = await system.api.createVenue();
    const { connection, page, redirectUrl, account } = await connect(venueId, kind);
    expect(page).toContain('is connected');
    expect(connection).toMatchObject({
      provider: kind.provider,
      flow: kind.flow,
      state: 'active',
      cause: null,
      nextAction: null,
      account: { id: account },
    });
    expect(connection.account?.id).toMatch(kind.accountId);
    expect(connection.account?.name).toMatch(/./);
    if (kind.scope !== null) expect(connection.scopes).toContain(kind.scope);
    expect({ renewed: connection.nextRefreshAt !== null, ends: connection.expiresAt !== null }).toEqual({
      renewed: kind.renewed,
      ends: kind.ends,
    });
    const now = Date.now();
    for (const at of [connection.nextRefreshAt, connection.expiresAt])
      expect(at === null || Date.parse(at) > now).toBe(true);
    const { data: forecast } = await system.api.get<{ readonly data: readonly { readonly connectionId: string }[] }>(
      `/v1/venues/${venueId}/reauthorizations`,
    );
    expect(forecast.some(({ connectionId }) => connectionId === connection.id)).toBe(kind.ends);

    const again = await comeBack(redirectUrl);
    expect([again.status, (await again.text()).includes('authorization-used')]).toEqual([409, true]);

    expect(await disconnect(venueId, connection.id)).toMatchObject({ id: connection.id, nextRefreshAt: null });
    const reconnected = await connect(venueId, kind, account);
    expect(reconnected.connection).toMatchObject({ id: connection.id, state: 'active', account: { id: account } });

    const { data } = await system.api.get<{ readonly data: readonly { readonly action: string }[] }>(
      `/v1/venues/${venueId}/audit?target=${connection.id}`,
    );
    const actions = data.map(({ action }) => action);
    for (const action of [
      'connection.authorization-started',
      'connection.connected',
      'connection.disconnect-requested',
      'connection.disconnected',
    ])
      expect(actions).toContain(action);
  });
});

describe('a key', () => {
  it.each([
    ['square', 'sandbox', 'personalToken'],
    ['mailchimp', 'production', 'apiKey'],
  ] as const)(
    'of %s connects, is tested, and leaves nothing behind when it is removed',
    async (provider, environment, name) => {
      const venueId = await system.api.createVenue();
      const account = await control(provider).addAccount();
      const order = (secretKey: string) =>
        system.api.tryPost(connections(venueId), { provider, environment, credentials: { secretKey } });
      expect(await order('not-a-key-us1')).toMatchObject({ status: 422, body: { code: 'credentials-refused' } });
      const { status, body } = await order(account.details?.[name] ?? '');
      expect([status, body]).toMatchObject([
        201,
        { provider, state: 'active', flow: null, account: { id: account.id, name: account.name } },
      ]);
      const { id } = body as ConnectionBody;
      expect(await system.api.tryPost(`${connections(venueId)}/${id}/test`, {})).toMatchObject({
        status: 200,
        body: { outcome: 'accepted' },
      });
      await disconnect(venueId, id);
      expect(
        await system.database`select count(*)::int as keys from venue_api_keys where connection_id = ${id}`,
      ).toEqual([{ keys: 0 }]);
    },
  );
});

describe('a Stripe account that was connected by consent', () => {
  it('syncs its customers', async () => {
    const venueId = await system.api.createVenue();
    const { connection, account } = await connect(venueId, CONNECT);
    await control('stripe').send('POST', '/seed', { resource: 'customers', account, count: 25 });
    const run = await system.api.sync(venueId, { connectionId: connection.id, direction: 'pull' });
    expect(run).toMatchObject({ outcome: 'completed', counts: { created: 25 } });
    expect(await system.api.customers(venueId)).toHaveLength(25);
  });
});

describe('an account owner', () => {
  it('who refuses returns to the return URL with the code, and the connection says why', async () => {
    const venueId = await system.api.createVenue();
    const begun = await begin(venueId, SQUARE, { returnUrl: `${RETURN_URL}?step=2` });
    const { redirectUrl } = await control('square').deny(await browser.open(begun.authorizationUrl));
    const response = await comeBack(redirectUrl);
    const location = new URL(response.headers.get('location') ?? '');
    expect([response.status, `${location.origin}${location.pathname}`]).toEqual([303, RETURN_URL]);
    expect(Object.fromEntries(location.searchParams)).toEqual({
      step: '2',
      connectionId: begun.id,
      outcome: 'refused',
      code: 'authorization-denied',
    });
    const connection = await system.api.connection(venueId, begun.id);
    expect(connection).toMatchObject({ state: 'disconnected', account: null });
    expect(connection.cause).toMatch(/./);
  });

  it('who approves another account on reauthorization is refused, and the connection keeps its own', async () => {
    const venueId = await system.api.createVenue();
    const { connection, account } = await connect(venueId, SQUARE);
    const { status, body } = await system.api.tryPost(`${connections(venueId)}/${connection.id}/reauthorize`, {});
    expect(status).toBe(200);
    const other = await control('square').approve(await browser.open((body as Begun).authorizationUrl), 'new');
    const response = await comeBack(other.redirectUrl);
    expect([response.status, (await response.text()).includes('Code: wrong-account')]).toEqual([409, true]);
    expect(await system.api.connection(venueId, connection.id)).toMatchObject({
      state: 'active',
      account: { id: account },
    });
  });

  it('who has revoked the access is noticed by a test, and restores it by approving again', async () => {
    const venueId = await system.api.createVenue();
    const { connection, account } = await connect(venueId, SQUARE);
    const path = `${connections(venueId)}/${connection.id}`;
    const test = async () =>
      (await system.api.tryPost(`${path}/test`, {})) as {
        readonly status: number;
        readonly body: { readonly outcome: string; readonly connection: ConnectionBody };
      };
    expect(await test()).toMatchObject({ status: 200, body: { outcome: 'accepted', connection: { state: 'active' } } });
    // Switches Square's revocation webhooks off, which revocation.test.ts covers.
    await control('square').send('POST', '/webhooks', { url: null });
    await control('square').revoke(account);
    const refused = await test();
    expect(refused).toMatchObject({ status: 200, body: { outcome: 'refused', connection: { state: 'needs-reauth' } } });
    expect(refused.body.connection.nextAction).toMatch(/./);
    expect(await test()).toMatchObject({ status: 409, body: { code: 'connection-not-active' } });
    const { data } = await system.api.get<{ readonly data: readonly object[] }>(
      `/v1/venues/${venueId}/reauthorizations`,
    );
    expect(data).toMatchObject([{ connectionId: connection.id, kind: 'needs-reauth', daysLeft: 0 }]);

    const { body } = await system.api.tryPost(`${path}/reauthorize`, {});
    const { redirectUrl } = await control('square').approve(
      await browser.open((body as Begun).authorizationUrl),
      account,
    );
    expect((await comeBack(redirectUrl)).status).toBe(200);
    expect(await test()).toMatchObject({
      status: 200,
      body: { outcome: 'accepted', connection: { id: connection.id, state: 'active' } },
    });
  });

  it('whose browser returns twice at once connects once', async () => {
    const venueId = await system.api.createVenue();
    const begun = await begin(venueId, PKCE);
    const { redirectUrl } = await control('square').approve(await browser.open(begun.authorizationUrl), 'new');
    const answers = await Promise.all([comeBack(redirectUrl), comeBack(redirectUrl)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(await system.api.connection(venueId, begun.id)).toMatchObject({ state: 'active' });
  });

  it('whose code was stolen keeps the account, because the code is useless in another attempt', async () => {
    const [venueId, thievesId] = [await system.api.createVenue(), await system.api.createVenue()];
    // Names no flow, so that the default one is used.
    const wish = { provider: 'square', environment: 'sandbox' };
    const stolen = (await system.api.tryPost(connections(venueId), wish)).body as Begun;
    const thieves = (await system.api.tryPost(connections(thievesId), wish)).body as Begun;
    const { redirectUrl } = await control('square').approve(await browser.open(stolen.authorizationUrl), 'new');
    const state = new URL(await browser.open(thieves.authorizationUrl)).searchParams.get('state') ?? '';
    const forged = new URL(redirectUrl);
    forged.searchParams.set('state', state);
    const response = await comeBack(forged.href);
    expect([response.status, (await response.text()).includes('Code: authorization-code-refused')]).toEqual([
      422,
      true,
    ]);
    expect(await system.api.connection(thievesId, thieves.id)).toMatchObject({ state: 'disconnected', account: null });
  });

  it('whose attempt was withdrawn meanwhile connects nothing', async () => {
    const venueId = await system.api.createVenue();
    const begun = await begin(venueId, QUICKBOOKS);
    const { redirectUrl } = await control('quickbooks').approve(await browser.open(begun.authorizationUrl), 'new');
    await disconnect(venueId, begun.id);
    const response = await comeBack(redirectUrl);
    expect([response.status, (await response.text()).includes('Code: authorization-cancelled')]).toEqual([409, true]);
    expect(await system.api.connection(venueId, begun.id)).toMatchObject({ state: 'disconnected', account: null });
  });

  it('may return after the API and the worker were killed', async () => {
    const venueId = await system.api.createVenue();
    const begun = await begin(venueId, CONNECT);
    const { redirectUrl } = await control('stripe').approve(await browser.open(begun.authorizationUrl), 'new');
    await Promise.all([system.kill('api'), system.kill('worker')]);
    const connection = await until(
      async () => {
        const response = await comeBack(redirectUrl).catch(() => null);
        const found = response && (await system.api.connection(venueId, begun.id).catch(() => null));
        return found?.state === 'active' ? found : null;
      },
      { limitMs: 60_000, what: 'the account is connected' },
    );
    expect(connection).toMatchObject({ id: begun.id, flow: 'connect' });
  }, 180_000);
});
