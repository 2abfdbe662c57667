import { describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { oauthControl } from '../../support/sandbox/sandbox-oauth.ts';
import { aProvider, basic, CALLBACK, codeFor, DAY_MS, get, postForm, postJson, urlOf } from './oauth-support.ts';
import { aHome, aSandbox } from '../support.ts';

const TOKEN_PATH = '/oauth2/v1/tokens/bearer';

/** A connected company with the calls that its client makes. */
async function aCompany(options: OAuthSandboxOptions = {}) {
  const quickbooks = await aProvider(startQuickBooksSandbox, options);
  const { authorizeUrl, tokenUrl, clientId, clientSecret, apiUrl, control } = quickbooks;
  const send = (form: Record<string, string>) => postForm(tokenUrl, form, basic(clientId, clientSecret));
  const page = urlOf(authorizeUrl, {
    client_id: clientId,
    response_type: 'code',
    scope: 'com.intuit.quickbooks.accounting',
    state: 'planted-state',
    redirect_uri: CALLBACK,
  });
  const code = await codeFor(quickbooks, page);
  const { body } = await send({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
  const realmId = (await control.grants())[0]?.account ?? '';
  return {
    ...quickbooks,
    page,
    code,
    realmId,
    accessToken: String(body['access_token']),
    refreshToken: String(body['refresh_token']),
    refresh: (refreshToken: unknown) => send({ grant_type: 'refresh_token', refresh_token: String(refreshToken) }),
    read: (accessToken: unknown) =>
      get(`${apiUrl}/v3/company/${realmId}/companyinfo/${realmId}`, `Bearer ${String(accessToken)}`),
  };
}

describe('a fault of an authorisation server', () => {
  it('answers 500 after a rotation: the old token is in its grace period and the client never receives the new one', async () => {
    const { control, refresh, refreshToken } = await aCompany();
    await control.fault({ kind: 'commit-then-fail', status: 500, match: { path: TOKEN_PATH }, times: 1 });
    expect((await refresh(refreshToken)).status).toBe(500);
    const recovered = await refresh(refreshToken);
    expect(recovered.status).toBe(200);
    expect(recovered.body['refresh_token']).not.toBe(refreshToken);
    expect((await control.calls()).filter(({ grantType }) => grantType === 'refresh_token')).toMatchObject([
      { status: 500, written: true, fault: 'commit-then-fail' },
      { status: 200 },
    ]);
  });

  it('cuts the connection after a rotation that cannot be repeated', async () => {
    const stripe = await aSandbox();
    const control = oauthControl(stripe.controlUrl);
    const page = urlOf(stripe.marketplaceUrl, { client_id: stripe.appClientId, redirect_uri: CALLBACK });
    const send = (form: Record<string, string>) =>
      postForm(`${stripe.apiUrl}/v1/oauth/token`, form, { authorization: `Bearer ${stripe.platformKey}` });
    const { body } = await send({ grant_type: 'authorization_code', code: await codeFor({ control }, page) });
    await control.fault({ kind: 'commit-then-fail', match: { path: '/v1/oauth/token' }, times: 1 });
    const form = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) };
    await expect(send(form)).rejects.toThrow();
    expect(await send(form)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect((await control.calls()).at(-2)).toMatchObject({
      path: '/v1/oauth/token',
      status: 0,
      written: true,
      grantType: 'refresh_token',
    });
  });

  it('changes nothing when it fails the request before it runs', async () => {
    const { control, refresh, refreshToken } = await aCompany();
    for (const fault of [
      { kind: 'status', status: 503, retryAfter: 7 },
      { kind: 'status', status: 429, body: 'empty' },
      { kind: 'html' },
      { kind: 'html', status: 502 },
      { kind: 'reset' },
    ]) {
      await control.fault({ ...fault, match: { path: TOKEN_PATH }, times: 1 });
    }
    const tries = [];
    for (let index = 0; index < 5; index += 1)
      tries.push(
        await refresh(refreshToken).then(
          ({ status, headers, body }) => ({ status, retryAfter: headers.get('retry-after'), body }),
          (error: unknown) => ({ status: error instanceof SyntaxError ? 'not json' : 'cut' }),
        ),
      );
    expect(tries).toMatchObject([
      { status: 503, retryAfter: '7' },
      { status: 429, body: {} },
      { status: 'not json' },
      { status: 'not json' },
      { status: 'cut' },
    ]);
    expect((await control.calls()).filter(({ fault }) => fault !== null).map(({ written }) => written)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect((await control.tokens()).filter(({ kind }) => kind === 'refresh')).toHaveLength(1);
  });

  it('truncates the answer of a committed request', async () => {
    const { control, refresh, refreshToken } = await aCompany();
    await control.fault({ kind: 'truncate', match: { path: TOKEN_PATH }, times: 1 });
    await expect(refresh(refreshToken)).rejects.toThrow();
    expect((await control.tokens()).filter(({ kind }) => kind === 'refresh')).toHaveLength(2);
  });

  it('delays only its own request, and evaluates that request at the time it continues', async () => {
    const { control, refresh, refreshToken } = await aCompany();
    await control.fault({ kind: 'slow', delayMs: 3_000, match: { path: TOKEN_PATH }, times: 1 });
    const slow = refresh(refreshToken);
    while ((await control.send<{ data: { struck: number }[] }>('GET', '/faults')).data[0]?.struck !== 1);
    const quick = await refresh(refreshToken);
    const late = await slow;
    expect([quick.status, late.status]).toEqual([200, 200]);
    // The slow request found its token replaced and received the newest.
    expect(late.body['refresh_token']).toBe(quick.body['refresh_token']);
  });

  it('refuses one account’s tokens after a revoke fault until the fault is cleared, and no other account’s', async () => {
    const { control, refresh, refreshToken, read, accessToken, realmId } = await aCompany();
    await control.fault({ kind: 'revoke', match: { account: realmId, path: '/v3' }, times: 1 });
    expect((await read(accessToken)).status).toBe(401);
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    await control.clearFaults();
    expect((await read(accessToken)).status).toBe(200);
  });

  it('strikes one account only, found by its token, code or id', async () => {
    const square = await aProvider(startSquareSandbox);
    const [one, other] = await square.control.accounts();
    const page = urlOf(`${square.apiUrl}/oauth2/authorize`, { client_id: square.clientId, redirect_uri: CALLBACK });
    const exchange = (code: string) =>
      postJson(`${square.apiUrl}/oauth2/token`, {
        client_id: square.clientId,
        client_secret: square.clientSecret,
        grant_type: 'authorization_code',
        code,
        redirect_uri: CALLBACK,
      });
    await square.control.fault({ kind: 'status', status: 500, match: { account: one?.id } });
    expect((await exchange(await codeFor(square, page, one?.id))).status).toBe(500);
    expect((await exchange(await codeFor(square, page, other?.id))).status).toBe(200);
    expect(
      (
        await postJson(
          `${square.apiUrl}/oauth2/revoke`,
          { client_id: square.clientId, merchant_id: one?.id },
          { authorization: `Client ${square.clientSecret}` },
        )
      ).status,
    ).toBe(500);
  });
});

describe('concurrent callers', () => {
  it('share a single successful exchange of one code', async () => {
    const square = await aProvider(startSquareSandbox);
    const code = await codeFor(
      square,
      urlOf(`${square.apiUrl}/oauth2/authorize`, { client_id: square.clientId, redirect_uri: CALLBACK }),
    );
    const body = {
      client_id: square.clientId,
      client_secret: square.clientSecret,
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
    };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => postJson(`${square.apiUrl}/oauth2/token`, body)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await square.control.grants()).toHaveLength(1);
  });
});

describe('a stand-in', () => {
  it('keeps grants, tokens, used codes, apps, accounts and the clock across a restart', async () => {
    const home = aHome();
    const first = await aCompany({ home });
    const { body: second } = await first.refresh(first.refreshToken);
    await first.control.clock(2 * DAY_MS);
    const before = {
      grants: await first.control.grants(),
      tokens: await first.control.tokens(),
      accounts: await first.control.accounts(),
    };
    await first.close();

    const again = await aProvider(startQuickBooksSandbox, { home });
    expect(again).toMatchObject({ clientId: first.clientId, clientSecret: first.clientSecret });
    expect({
      grants: await again.control.grants(),
      tokens: await again.control.tokens(),
      accounts: await again.control.accounts(),
    }).toEqual(before);
    const send = (form: Record<string, string>) =>
      postForm(again.tokenUrl, form, basic(again.clientId, again.clientSecret));
    expect((await send({ grant_type: 'authorization_code', code: first.code, redirect_uri: CALLBACK })).status).toBe(
      400,
    );
    // The clock is two days ahead, so the previous token is past its grace period.
    expect((await send({ grant_type: 'refresh_token', refresh_token: first.refreshToken })).status).toBe(400);
    expect((await send({ grant_type: 'refresh_token', refresh_token: String(second['refresh_token']) })).status).toBe(
      200,
    );
  });

  it('keeps Stripe’s grants and the platform’s credentials across a restart', async () => {
    const home = aHome();
    const first = await aSandbox({ home });
    const page = urlOf(`${first.connectUrl}/oauth/authorize`, {
      response_type: 'code',
      client_id: first.connectClientId,
      scope: 'read_write',
      redirect_uri: CALLBACK,
    });
    const code = await codeFor({ control: oauthControl(first.controlUrl) }, page);
    const { body } = await postForm(`${first.connectUrl}/oauth/token`, {
      grant_type: 'authorization_code',
      code,
      client_secret: first.platformKey,
    });
    await first.close();
    const second = await aSandbox({ home });
    expect(second).toMatchObject({
      platformKey: first.platformKey,
      connectClientId: first.connectClientId,
      appClientId: first.appClientId,
    });
    expect(
      (await second.raw('GET', '/v1/account', { headers: { authorization: `Bearer ${String(body['access_token'])}` } }))
        .status,
    ).toBe(200);
    expect(
      (
        await second.raw('GET', '/v1/account', {
          headers: { authorization: `Bearer ${second.platformKey}`, 'stripe-account': String(body['stripe_user_id']) },
        })
      ).status,
    ).toBe(200);
  });

  it('logs calls without a code, token, secret or state', async () => {
    const { control, page, code, accessToken, refreshToken, clientSecret, read, refresh } = await aCompany();
    await fetch(`${page}&code=${code}`);
    await read(accessToken);
    await refresh(refreshToken);
    const told = JSON.stringify([
      await control.calls(),
      await control.tokens(),
      await control.grants(),
      await control.send('GET', '/state/codes'),
      await control.send('GET', '/state/apps'),
    ]);
    for (const secret of [code, accessToken, refreshToken, clientSecret, 'planted-state'])
      expect(told).not.toContain(secret);
    expect((await control.calls()).map(({ path, grantType }) => [path, grantType])).toEqual([
      [TOKEN_PATH, 'authorization_code'],
      ['/connect/oauth2', null],
      [expect.stringContaining('/companyinfo/'), null],
      [TOKEN_PATH, 'refresh_token'],
    ]);
  });

  it('forgets all grants on a reset and keeps its app and first accounts', async () => {
    const { control, refresh, refreshToken, realmId } = await aCompany();
    const accounts = await control.accounts();
    await control.addAccount('Third');
    await control.clock(DAY_MS);
    await control.reset();
    expect(await control.accounts()).toEqual(accounts);
    expect(await control.grants()).toEqual([]);
    expect(await control.send('GET', '/clock')).toMatchObject({ offsetMs: 0 });
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    expect(accounts.map(({ id }) => id)).toContain(realmId);
  });

  it('forgets grants with the accounts on Stripe’s reset', async () => {
    const stripe = await aSandbox();
    const control = oauthControl(stripe.controlUrl);
    const page = urlOf(stripe.marketplaceUrl, { client_id: stripe.appClientId, redirect_uri: CALLBACK });
    const { body } = await postForm(
      `${stripe.apiUrl}/v1/oauth/token`,
      { grant_type: 'authorization_code', code: await codeFor({ control }, page) },
      { authorization: `Bearer ${stripe.platformKey}` },
    );
    await control.reset();
    expect(
      (await stripe.raw('GET', '/v1/account', { headers: { authorization: `Bearer ${String(body['access_token'])}` } }))
        .status,
    ).toBe(401);
  });

  it('creates accounts on request, one by name or many at once, and rejects invalid requests', async () => {
    const { control } = await aProvider(startSquareSandbox);
    expect(await control.addAccount('Night Market')).toMatchObject({
      name: 'Night Market',
      details: { personalToken: expect.stringMatching(/^EAAA/) as string },
    });
    expect(await control.send('POST', '/seed', { resource: 'accounts', count: 40 })).toMatchObject({
      created: 40,
      total: 43,
    });
    expect(new Set((await control.accounts()).map(({ id }) => id)).size).toBe(43);
    for (const [path, body] of [
      ['/seed', { resource: 'unicorns', count: 1 }],
      ['/faults', { kind: 'earthquake' }],
      ['/clock', {}],
      ['/revoke', {}],
      ['/expire', { account: 'x', kind: 'sometimes' }],
      ['/accounts', { colour: 'red' }],
    ] as const) {
      await expect(control.send('POST', path, body)).rejects.toThrow(/400.*invalid-request/);
    }
    await expect(control.send('GET', '/state/secrets')).rejects.toThrow('404');
  });

  it('expires tokens on request, without moving the clock', async () => {
    const { control, read, accessToken, refresh, refreshToken, realmId } = await aCompany();
    expect(await control.expire(realmId)).toEqual({ expired: 1 });
    expect((await read(accessToken)).status).toBe(401);
    expect((await refresh(refreshToken)).status).toBe(200);
    await control.expire(realmId, 'refresh');
    expect(await refresh(refreshToken)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('answers an unknown path in the provider’s own format', async () => {
    const [square, quickbooks, mailchimp] = await Promise.all([
      aProvider(startSquareSandbox),
      aProvider(startQuickBooksSandbox),
      aProvider(startMailchimpSandbox),
    ]);
    expect(await get(`${square.apiUrl}/v2/nothing`)).toMatchObject({
      status: 404,
      body: { errors: [{ code: 'NOT_FOUND' }] },
    });
    expect(await get(`${quickbooks.apiUrl}/v3/nothing`)).toMatchObject({
      status: 400,
      body: { Fault: { type: 'ValidationFault' } },
    });
    expect(await get(`${mailchimp.apiUrl}/3.0/nothing`)).toMatchObject({
      status: 404,
      body: { title: 'Resource Not Found' },
    });
    for (const { controlUrl } of [square, quickbooks, mailchimp])
      expect((await fetch(`${controlUrl}/nothing`)).status).toBe(404);
  });
});
