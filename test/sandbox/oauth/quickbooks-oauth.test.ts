import * as client from 'openid-client';
import { describe, expect, it } from 'vitest';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import type { QuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import {
  aProvider,
  basic,
  CALLBACK,
  codeFor,
  DAY_MS,
  get,
  HOUR_MS,
  openidConfiguration,
  paramsOf,
  postForm,
  postJson,
  urlOf,
} from './oauth-support.ts';
import type { AProvider } from './oauth-support.ts';

const SCOPE = 'com.intuit.quickbooks.accounting';
const HARD_LIMIT_S = 5 * 365 * 86_400;

type QuickBooks = AProvider & QuickBooksSandbox;
const aQuickBooks = () => aProvider(startQuickBooksSandbox);
const pageOf = ({ authorizeUrl, clientId }: QuickBooks) =>
  urlOf(authorizeUrl, { client_id: clientId, response_type: 'code', scope: SCOPE, state: 's', redirect_uri: CALLBACK });

const token = (
  { tokenUrl, clientId, clientSecret }: QuickBooks,
  form: Record<string, string>,
  headers: Record<string, string> = {},
) => postForm(tokenUrl, form, { ...basic(clientId, clientSecret), ...headers });

const refresh = (quickbooks: QuickBooks, refreshToken: unknown, headers?: Record<string, string>) =>
  token(quickbooks, { grant_type: 'refresh_token', refresh_token: String(refreshToken) }, headers);

async function connected(quickbooks: QuickBooks, account?: string) {
  const { redirectUrl } = await quickbooks.control.approve(pageOf(quickbooks), account);
  const { code = '', realmId = '' } = paramsOf(redirectUrl);
  const { body } = await token(quickbooks, { grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
  return { realmId, accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']), body };
}

const company = ({ apiUrl }: QuickBooks, realmId: string, accessToken: string) =>
  get(`${apiUrl}/v3/company/${realmId}/companyinfo/${realmId}?minorversion=75`, `Bearer ${accessToken}`);

const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };

describe('the stand-in QuickBooks, on connecting', () => {
  it('names the chosen company and issues a token that reads only that company', async () => {
    const quickbooks = await aQuickBooks();
    const [first, second] = await quickbooks.control.accounts();
    const { realmId, accessToken } = await connected(quickbooks, second?.id);
    expect(realmId).toBe(second?.id);
    expect(await company(quickbooks, realmId, accessToken)).toMatchObject({
      status: 200,
      body: { CompanyInfo: { CompanyName: second?.name } },
    });
    expect(await company(quickbooks, first?.id ?? '', accessToken)).toMatchObject({
      status: 403,
      body: { fault: { error: [{ code: '3100' }] } },
    });
  });

  it('accepts openid-client’s authorisation URL, Basic exchange and refresh', async () => {
    const quickbooks = await aQuickBooks();
    const { authorizeUrl, tokenUrl, clientId, clientSecret, control } = quickbooks;
    const config = openidConfiguration({
      authorizeUrl,
      tokenUrl,
      clientId,
      authentication: client.ClientSecretBasic(clientSecret),
    });
    const state = client.randomState();
    const page = client.buildAuthorizationUrl(config, { redirect_uri: CALLBACK, scope: SCOPE, state });
    const { redirectUrl } = await control.approve(page.href);
    const tokens = await client.authorizationCodeGrant(config, new URL(redirectUrl), { expectedState: state });
    expect(tokens).toMatchObject({ expires_in: 3_600, token_type: 'bearer', x_refresh_token_expires_in: 8_726_400 });
    const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '');
    expect(next.refresh_token).not.toBe(tokens.refresh_token);
    await expect(client.refreshTokenGrant(config, 'AB11never')).rejects.toMatchObject({
      error: 'invalid_grant',
      status: 400,
    });
  });

  it('accepts a code once, before it expires, and with the same redirect_uri', async () => {
    const quickbooks = await aQuickBooks();
    const exchange = (code: string, redirectUri = CALLBACK) =>
      token(quickbooks, { grant_type: 'authorization_code', code, redirect_uri: redirectUri });
    const code = await codeFor(quickbooks, pageOf(quickbooks));
    expect(await exchange(code, `${CALLBACK}/`)).toMatchObject(INVALID_GRANT);
    expect((await exchange(code)).status).toBe(200);
    expect(await exchange(code)).toMatchObject(INVALID_GRANT);
    const late = await codeFor(quickbooks, pageOf(quickbooks));
    await quickbooks.control.clock(10 * 60_000);
    expect(await exchange(late)).toMatchObject(INVALID_GRANT);
  });

  it('rejects another application, a secret in the form, and other grant types', async () => {
    const quickbooks = await aQuickBooks();
    const { tokenUrl, clientId, clientSecret } = quickbooks;
    const form = { grant_type: 'refresh_token', refresh_token: (await connected(quickbooks)).refreshToken };
    const invalidClient = { status: 401, body: { error: 'invalid_client' } };
    expect(await postForm(tokenUrl, form, basic(clientId, 'wrong'))).toMatchObject(invalidClient);
    expect(await postForm(tokenUrl, form, basic('ABother', clientSecret))).toMatchObject(invalidClient);
    expect(await postForm(tokenUrl, { ...form, client_id: clientId, client_secret: clientSecret })).toMatchObject(
      invalidClient,
    );
    expect(await token(quickbooks, { grant_type: 'password' })).toMatchObject({
      status: 400,
      body: { error: 'unsupported_grant_type' },
    });
  });
});

describe('the stand-in QuickBooks, on refreshing', () => {
  it('rotates the refresh token each time; the previous one works for another 24 hours and returns the newest', async () => {
    const quickbooks = await aQuickBooks();
    const { refreshToken: first } = await connected(quickbooks);
    const { body: second } = await refresh(quickbooks, first);
    expect(second['refresh_token']).not.toBe(first);
    const recovered = await refresh(quickbooks, first);
    expect(recovered.body['refresh_token']).toBe(second['refresh_token']);
    expect(recovered.body['access_token']).not.toBe(second['access_token']);

    await quickbooks.control.clock(DAY_MS - 60_000);
    expect((await refresh(quickbooks, first)).status).toBe(200);
    await quickbooks.control.clock(DAY_MS + 60_000);
    expect(await refresh(quickbooks, first)).toMatchObject(INVALID_GRANT);
    expect((await refresh(quickbooks, second['refresh_token'])).status).toBe(200);
  });

  it('expires an access token after an hour, with the answer of a recorded exchange', async () => {
    const quickbooks = await aQuickBooks();
    const { realmId, accessToken, refreshToken, body } = await connected(quickbooks);
    expect(body).toMatchObject({ token_type: 'bearer', expires_in: 3_600, x_refresh_token_expires_in: 8_726_400 });
    await quickbooks.control.clock(HOUR_MS);
    const answer = await company(quickbooks, realmId, accessToken);
    expect(answer).toMatchObject({
      status: 401,
      body: {
        fault: {
          type: 'AUTHENTICATION',
          error: [
            {
              code: '3200',
              message: 'message=AuthenticationFailed; errorCode=003200; statusCode=401',
              detail: `Token expired: ${accessToken}`,
            },
          ],
        },
      },
    });
    expect(answer.headers.get('www-authenticate')).toBe('Bearer realm="Intuit", error="invalid_token"');
    expect(answer.headers.get('intuit_tid')).toMatch(/^1-/);
    const next = await refresh(quickbooks, refreshToken);
    expect((await company(quickbooks, realmId, String(next.body['access_token']))).status).toBe(200);
  });

  it('answers an unknown operation with 400 and a Fault, and can report a failure inside a 200', async () => {
    const quickbooks = await aQuickBooks();
    const { realmId, accessToken } = await connected(quickbooks);
    const unknown = await get(`${quickbooks.apiUrl}/v3/company/${realmId}/nosuch/1`, `Bearer ${accessToken}`);
    expect(unknown).toMatchObject({
      status: 400,
      body: { Fault: { Error: [{ Message: 'Unsupported Operation', code: '500' }], type: 'ValidationFault' } },
    });
    await quickbooks.control.fault({ kind: 'status', body: 'inside-success', times: 1 });
    expect(await company(quickbooks, realmId, accessToken)).toMatchObject({
      status: 200,
      body: { IntuitResponse: { Fault: { Error: [{ code: '6190' }] } } },
    });
  });

  it('expires a refresh token after 101 days without use', async () => {
    const quickbooks = await aQuickBooks();
    const { refreshToken } = await connected(quickbooks);
    await quickbooks.control.clock(101 * DAY_MS - 60_000);
    const { body } = await refresh(quickbooks, refreshToken);
    await quickbooks.control.clock(202 * DAY_MS);
    expect(await refresh(quickbooks, body['refresh_token'])).toMatchObject(INVALID_GRANT);
  });

  it('ends each grant after five years regardless of use, and reports the limit when the header asks for it', async () => {
    const quickbooks = await aQuickBooks();
    const start = await connected(quickbooks);
    expect(start.body).not.toHaveProperty('x_refresh_token_hard_expires_in');
    const header = { 'x-include-refresh-token-hard-expires-in': 'true' };
    let { body } = await refresh(quickbooks, start.refreshToken, header);
    const hardLimitS = Number(body['x_refresh_token_hard_expires_in']);
    expect(hardLimitS).toBeLessThanOrEqual(HARD_LIMIT_S);
    expect(hardLimitS).toBeGreaterThan(HARD_LIMIT_S - 60);
    for (let day = 100; day < 5 * 365; day += 100) {
      await quickbooks.control.clock(day * DAY_MS);
      ({ body } = await refresh(quickbooks, body['refresh_token'], header));
    }
    // The last refresh token cannot outlive the grant.
    expect(body['x_refresh_token_expires_in']).toBe(body['x_refresh_token_hard_expires_in']);
    await quickbooks.control.clock(5 * 365 * DAY_MS);
    expect(await refresh(quickbooks, body['refresh_token'])).toMatchObject(INVALID_GRANT);
  });
});

describe('the stand-in QuickBooks, on the end of access', () => {
  const revoke = ({ revokeUrl, clientId, clientSecret }: QuickBooks, tokenToEnd: string) =>
    postJson(revokeUrl, { token: tokenToEnd }, basic(clientId, clientSecret));

  it.each(['accessToken', 'refreshToken'] as const)(
    'revokes the whole grant by its %s and leaves other companies’ grants alone',
    async (kind) => {
      const quickbooks = await aQuickBooks();
      const [, second] = await quickbooks.control.accounts();
      const mine = await connected(quickbooks);
      const other = await connected(quickbooks, second?.id);
      expect(await revoke(quickbooks, mine[kind])).toMatchObject({ status: 200, body: {} });
      expect(await refresh(quickbooks, mine.refreshToken)).toMatchObject(INVALID_GRANT);
      expect((await company(quickbooks, mine.realmId, mine.accessToken)).status).toBe(401);
      expect((await company(quickbooks, other.realmId, other.accessToken)).status).toBe(200);
      expect((await revoke(quickbooks, mine[kind])).status).toBe(400);
    },
  );

  it('ends access and refresh tokens when the account owner revokes access', async () => {
    const quickbooks = await aQuickBooks();
    const { realmId, accessToken, refreshToken } = await connected(quickbooks);
    await quickbooks.control.revoke(realmId);
    expect((await company(quickbooks, realmId, accessToken)).status).toBe(401);
    expect(await refresh(quickbooks, refreshToken)).toMatchObject(INVALID_GRANT);
  });
});
