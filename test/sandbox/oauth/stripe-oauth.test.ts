import { describe, expect, it } from 'vitest';
import { oauthControl } from '../../support/sandbox/sandbox-oauth.ts';
import { CALLBACK, codeFor, DAY_MS, HOUR_MS, paramsOf, postForm, urlOf } from './oauth-support.ts';
import { aSandbox, clientOf, stripeError } from '../support.ts';

type World = Awaited<ReturnType<typeof aStripe>>;

/** A sandbox with a second account, and the SDK as the platform. */
async function aStripe() {
  const sandbox = await aSandbox();
  const control = oauthControl(sandbox.controlUrl);
  const { id } = await control.addAccount('Harbour Bakery');
  return {
    ...sandbox,
    control,
    account: id,
    platform: clientOf({ apiUrl: sandbox.apiUrl, secretKey: sandbox.platformKey }),
    owner: clientOf({ apiUrl: sandbox.apiUrl, secretKey: sandbox.secretKey }),
  };
}

const connectPage = ({ connectUrl, connectClientId }: World, scope?: string) =>
  urlOf(`${connectUrl}/oauth/authorize`, {
    response_type: 'code',
    client_id: connectClientId,
    scope,
    state: 's',
    redirect_uri: CALLBACK,
  });
const appPage = ({ marketplaceUrl, appClientId }: World) =>
  urlOf(marketplaceUrl, { client_id: appClientId, state: 's', redirect_uri: CALLBACK });
const asBearer = ({ apiUrl }: World, secretKey: string) => clientOf({ apiUrl, secretKey });

async function connected(world: World, { scope = 'read_write', account = world.account } = {}) {
  const code = await codeFor(world, connectPage(world, scope), account);
  const token = await world.platform.oauth.token({ grant_type: 'authorization_code', code });
  return { code, token, accessToken: token.access_token ?? '' };
}

describe('the stand-in’s Stripe Connect OAuth', () => {
  it('connects through the SDK, after which the platform’s key works in the chosen account only', async () => {
    const world = await aStripe();
    const { token } = await connected(world);
    expect(token).toMatchObject({
      token_type: 'bearer',
      livemode: false,
      scope: 'read_write',
      stripe_user_id: world.account,
      refresh_token: expect.stringMatching(/^rt_/) as string,
    });
    const on = { stripeContext: world.account };
    expect(await world.platform.accounts.retrieveCurrent({}, on)).toMatchObject({
      id: world.account,
      business_profile: { name: 'Harbour Bakery' },
    });
    const customer = await world.platform.customers.create({ name: 'Ana' }, on);
    expect((await world.platform.customers.list({}, { stripeAccount: world.account })).data).toMatchObject([
      { id: customer.id },
    ]);
    expect((await world.owner.customers.list()).data).toEqual([]);
    const [first] = await world.control.accounts();
    expect(await stripeError(world.platform.customers.list({}, { stripeAccount: first?.id ?? '' }))).toMatchObject({
      statusCode: 403,
      code: 'account_invalid',
    });
  });

  it('issues an access token that is a key of the account and does not expire', async () => {
    const world = await aStripe();
    const { accessToken } = await connected(world);
    await world.control.clock(1_000 * DAY_MS);
    expect(await asBearer(world, accessToken).accounts.retrieveCurrent()).toMatchObject({ id: world.account });
    expect((await asBearer(world, accessToken).customers.create({ name: 'Ben' })).id).toMatch(/^cus_/);
  });

  it('lets a read-only grant read and not write', async () => {
    const world = await aStripe();
    const { token, accessToken } = await connected(world, { scope: 'read_only' });
    expect(token.scope).toBe('read_only');
    for (const [stripe, on] of [
      [world.platform, { stripeAccount: world.account }],
      [asBearer(world, accessToken), {}],
    ] as const) {
      expect((await stripe.customers.list({}, on)).data).toEqual([]);
      expect(await stripeError(stripe.customers.create({ name: 'Ana' }, on))).toMatchObject({ statusCode: 403 });
    }
  });

  it('refreshes to an equal or narrower scope with an unchanged refresh token', async () => {
    const world = await aStripe();
    const { token } = await connected(world);
    const lesser = await world.platform.oauth.token({
      grant_type: 'refresh_token',
      refresh_token: token.refresh_token ?? '',
      scope: 'read_only',
    });
    expect(lesser).toMatchObject({
      scope: 'read_only',
      refresh_token: token.refresh_token,
      stripe_user_id: world.account,
    });
    expect(await stripeError(asBearer(world, lesser.access_token ?? '').customers.create({}))).toMatchObject({
      statusCode: 403,
    });
    const { token: reading } = await connected(world, { scope: 'read_only' });
    expect(
      await stripeError(
        world.platform.oauth.token({
          grant_type: 'refresh_token',
          refresh_token: reading.refresh_token ?? '',
          scope: 'read_write',
        }),
      ),
    ).toMatchObject({ statusCode: 400, type: 'StripeInvalidScopeError' });
  });

  it('revokes everything a code granted when the code is used twice', async () => {
    const world = await aStripe();
    const { code, accessToken } = await connected(world);
    const replay = await stripeError(world.platform.oauth.token({ grant_type: 'authorization_code', code }));
    expect(replay).toMatchObject({ statusCode: 400, type: 'StripeInvalidGrantError' });
    expect(await stripeError(asBearer(world, accessToken).accounts.retrieveCurrent())).toMatchObject({
      statusCode: 401,
    });
    expect(
      await stripeError(world.platform.accounts.retrieveCurrent({}, { stripeAccount: world.account })),
    ).toMatchObject({ statusCode: 403, code: 'account_invalid' });
  });

  it('rejects an unknown or expired code, the wrong key, and a missing grant type', async () => {
    const world = await aStripe();
    const exchange = (code: string, stripe = world.platform) =>
      stripeError(stripe.oauth.token({ grant_type: 'authorization_code', code }));
    expect(await exchange('ac_never')).toMatchObject({ statusCode: 400, type: 'StripeInvalidGrantError' });
    expect(await exchange(await codeFor(world, connectPage(world)), world.owner)).toMatchObject({
      statusCode: 401,
      type: 'StripeInvalidClientError',
    });
    const late = await codeFor(world, connectPage(world));
    await world.control.clock(5 * 60_000);
    expect(await exchange(late)).toMatchObject({ statusCode: 400, type: 'StripeInvalidGrantError' });
    expect(await postForm(`${world.connectUrl}/oauth/token`, { client_secret: world.platformKey })).toMatchObject({
      status: 400,
      body: { error: 'invalid_request' },
    });
    // A code of one flow is invalid in the other.
    expect(await exchange(await codeFor(world, appPage(world)))).toMatchObject({
      statusCode: 400,
      type: 'StripeInvalidGrantError',
    });
  });

  it('deauthorises through the SDK, and rejects a second time and another client id', async () => {
    const world = await aStripe();
    const { accessToken } = await connected(world);
    const deauthorise = (client_id = world.connectClientId) =>
      world.platform.oauth.deauthorize({ client_id, stripe_user_id: world.account });
    expect(await stripeError(deauthorise('ca_other'))).toMatchObject({
      statusCode: 401,
      type: 'StripeInvalidClientError',
    });
    expect(await deauthorise()).toMatchObject({ stripe_user_id: world.account });
    expect(await stripeError(deauthorise())).toMatchObject({ statusCode: 401, type: 'StripeInvalidClientError' });
    expect(await stripeError(asBearer(world, accessToken).accounts.retrieveCurrent())).toMatchObject({
      statusCode: 401,
    });
    expect(
      await stripeError(world.platform.accounts.retrieveCurrent({}, { stripeAccount: world.account })),
    ).toMatchObject({ statusCode: 403, code: 'account_invalid' });
  });

  it('ends access when the account revokes it, and starts over when the account approves again', async () => {
    const world = await aStripe();
    const { accessToken } = await connected(world);
    await world.control.revoke(world.account);
    expect(await stripeError(asBearer(world, accessToken).accounts.retrieveCurrent())).toMatchObject({
      statusCode: 401,
    });
    await connected(world);
    expect(await world.platform.accounts.retrieveCurrent({}, { stripeAccount: world.account })).toMatchObject({
      id: world.account,
    });
    // The old token stays invalid.
    expect(await stripeError(asBearer(world, accessToken).accounts.retrieveCurrent())).toMatchObject({
      statusCode: 401,
    });
  });

  it('gives the platform its own account, which is read-only', async () => {
    const world = await aStripe();
    expect(await world.platform.accounts.retrieveCurrent()).toMatchObject({
      object: 'account',
      business_profile: { name: 'Interlock platform' },
    });
    expect(await stripeError(world.platform.customers.list())).toMatchObject({ statusCode: 403 });
  });
});

describe('the stand-in’s Stripe Apps OAuth', () => {
  const token = (world: World, form: Record<string, string>, key = world.platformKey) =>
    postForm(`${world.apiUrl}/v1/oauth/token`, form, { authorization: `Bearer ${key}` });
  const roll = (world: World, refreshToken: unknown) =>
    token(world, { grant_type: 'refresh_token', refresh_token: String(refreshToken) });

  async function installed(world: World) {
    const { redirectUrl } = await world.control.approve(appPage(world), world.account);
    const { code = '', state } = paramsOf(redirectUrl);
    expect(state).toBe('s');
    return { code, ...(await token(world, { grant_type: 'authorization_code', code })) };
  }

  it('issues a token that is a key of the account for an hour, without stating the lifetime', async () => {
    const world = await aStripe();
    const { status, body } = await installed(world);
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual([
      'access_token',
      'livemode',
      'refresh_token',
      'scope',
      'stripe_publishable_key',
      'stripe_user_id',
      'token_type',
    ]);
    expect(body).toMatchObject({
      scope: 'stripe_apps',
      stripe_user_id: world.account,
      livemode: false,
      token_type: 'bearer',
    });
    const stripe = asBearer(world, String(body['access_token']));
    expect((await stripe.customers.create({ name: 'Ana' })).id).toMatch(/^cus_/);
    await world.control.clock(HOUR_MS);
    expect(await stripeError(stripe.customers.list())).toMatchObject({ statusCode: 401, code: 'api_key_expired' });
  });

  it('accepts the SDK’s raw request', async () => {
    const world = await aStripe();
    const code = await codeFor(world, appPage(world), world.account);
    expect(
      await world.platform.rawRequest('POST', '/v1/oauth/token', { grant_type: 'authorization_code', code }),
    ).toMatchObject({ stripe_user_id: world.account });
  });

  it('rolls the refresh token at each exchange and ends the old one at once', async () => {
    const world = await aStripe();
    const first = (await installed(world)).body;
    const second = await roll(world, first['refresh_token']);
    expect(second.status).toBe(200);
    expect(second.body['refresh_token']).not.toBe(first['refresh_token']);
    expect(await roll(world, first['refresh_token'])).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await roll(world, second.body['refresh_token'])).status).toBe(200);
  });

  it('expires a refresh token after a year without use', async () => {
    const world = await aStripe();
    const { body } = await installed(world);
    await world.control.clock(364 * DAY_MS);
    const next = await roll(world, body['refresh_token']);
    await world.control.clock((364 + 365) * DAY_MS);
    expect(await roll(world, next.body['refresh_token'])).toMatchObject({
      status: 400,
      body: { error: 'invalid_grant' },
    });
  });

  it('accepts a code once, and only with the developer’s key', async () => {
    const world = await aStripe();
    const code = await codeFor(world, appPage(world), world.account);
    const form = { grant_type: 'authorization_code', code };
    expect(await token(world, form, world.secretKey)).toMatchObject({ status: 401, body: { error: 'invalid_client' } });
    expect((await token(world, form)).status).toBe(200);
    expect(await token(world, form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('gives the platform’s key no access to the account, and ends access when the app is uninstalled', async () => {
    const world = await aStripe();
    const { body } = await installed(world);
    expect(await stripeError(world.platform.customers.list({}, { stripeAccount: world.account }))).toMatchObject({
      statusCode: 403,
      code: 'account_invalid',
    });
    await connected(world);
    expect(await world.control.revoke(world.account, 'app')).toEqual({ ended: 1 });
    expect(await stripeError(asBearer(world, String(body['access_token'])).customers.list())).toMatchObject({
      statusCode: 401,
    });
    expect(await roll(world, body['refresh_token'])).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await world.platform.customers.list({}, { stripeAccount: world.account })).data).toEqual([]);
  });

  it('installs the app from an external-test link too', async () => {
    const world = await aStripe();
    const page = urlOf(`${world.apiUrl}/oauth/v2/chnlink_61ab/authorize`, {
      client_id: world.appClientId,
      redirect_uri: CALLBACK,
    });
    expect(await codeFor(world, page)).toMatch(/^ac_/);
    expect((await fetch(page.replace(world.appClientId, world.connectClientId))).status).toBe(400);
  });
});
