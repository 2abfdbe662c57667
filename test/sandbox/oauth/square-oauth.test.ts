import { SquareClient, SquareError } from 'square';
import { describe, expect, it } from 'vitest';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import {
  aProvider,
  aVerifier,
  CALLBACK,
  codeFor,
  DAY_MS,
  get,
  HOUR_MS,
  postForm,
  postJson,
  urlOf,
} from './oauth-support.ts';
import type { AProvider } from './oauth-support.ts';

const SCOPE = 'MERCHANT_PROFILE_READ ITEMS_READ';

const aSquare = () => aProvider(startSquareSandbox);
const clientOf = ({ apiUrl }: AProvider, token?: string) =>
  new SquareClient({ baseUrl: apiUrl, maxRetries: 0, ...(token !== undefined && { token }) });
const pageOf = ({ apiUrl, clientId }: AProvider, params: Record<string, string> = {}) =>
  urlOf(`${apiUrl}/oauth2/authorize`, {
    client_id: clientId,
    scope: SCOPE,
    state: 's',
    redirect_uri: CALLBACK,
    ...params,
  });

/** A merchant connected in the code flow. */
async function connected(square: AProvider, account?: string) {
  const code = await codeFor(square, pageOf(square), account);
  const token = await clientOf(square).oAuth.obtainToken({
    clientId: square.clientId,
    clientSecret: square.clientSecret,
    grantType: 'authorization_code',
    code,
    redirectUri: CALLBACK,
  });
  return {
    accessToken: token.accessToken ?? '',
    refreshToken: token.refreshToken ?? '',
    merchantId: token.merchantId ?? '',
    token,
  };
}

const refreshed = (square: AProvider, refreshToken: string, more: object = {}) =>
  clientOf(square).oAuth.obtainToken({
    clientId: square.clientId,
    clientSecret: square.clientSecret,
    grantType: 'refresh_token',
    refreshToken,
    ...more,
  });

async function refused(promise: Promise<unknown>) {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SquareError)) throw new Error('expected a SquareError');
  return { status: error.statusCode, code: error.errors[0]?.code, body: error.body };
}

describe('the stand-in Square, in the code flow', () => {
  it('issues the SDK a 30-day token that identifies the approving merchant', async () => {
    const square = await aSquare();
    const [, second] = await square.control.accounts();
    const { token, accessToken } = await connected(square, second?.id);
    expect(token).toMatchObject({ tokenType: 'bearer', merchantId: second?.id, shortLived: false });
    expect(token.refreshTokenExpiresAt).toBeUndefined();
    expect(Date.parse(token.expiresAt ?? '') - Date.now()).toBeGreaterThan(29.9 * DAY_MS);
    const { merchant } = await clientOf(square, accessToken).merchants.get({ merchantId: 'me' });
    expect(merchant).toMatchObject({ id: second?.id, businessName: second?.name, status: 'ACTIVE' });
    expect(await clientOf(square, accessToken).oAuth.retrieveTokenStatus()).toMatchObject({
      scopes: SCOPE.split(' '),
      clientId: square.clientId,
      merchantId: second?.id,
      expiresAt: token.expiresAt,
    });
  });

  it('never answers with expires_in', async () => {
    const square = await aSquare();
    const code = await codeFor(square, pageOf(square));
    const { status, body } = await postJson(`${square.apiUrl}/oauth2/token`, {
      client_id: square.clientId,
      client_secret: square.clientSecret,
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
    });
    expect(status).toBe(200);
    expect(Object.keys(body).sort()).toEqual([
      'access_token',
      'expires_at',
      'merchant_id',
      'refresh_token',
      'short_lived',
      'token_type',
    ]);
    expect(body['expires_at']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it('refreshes repeatedly with one refresh token and leaves earlier access tokens valid', async () => {
    const square = await aSquare();
    const { accessToken, refreshToken } = await connected(square);
    const first = await refreshed(square, refreshToken);
    const second = await refreshed(square, refreshToken);
    expect([first.refreshToken, second.refreshToken]).toEqual([refreshToken, refreshToken]);
    expect(new Set([accessToken, first.accessToken, second.accessToken]).size).toBe(3);
    for (const token of [accessToken, first.accessToken ?? ''])
      expect((await get(`${square.apiUrl}/v2/merchants/me`, `Bearer ${token}`)).status).toBe(200);
    await square.control.clock(400 * DAY_MS);
    expect((await refreshed(square, refreshToken)).refreshToken).toBe(refreshToken);
  });

  it('issues a 24-hour token or one with fewer scopes on request', async () => {
    const square = await aSquare();
    const { refreshToken } = await connected(square);
    const short = await refreshed(square, refreshToken, { shortLived: true, scopes: ['ITEMS_READ', 'ORDERS_WRITE'] });
    expect(short.shortLived).toBe(true);
    expect(await clientOf(square, short.accessToken).oAuth.retrieveTokenStatus()).toMatchObject({
      scopes: ['ITEMS_READ'],
    });
    expect(await refused(clientOf(square, short.accessToken).merchants.get({ merchantId: 'me' }))).toMatchObject({
      status: 403,
      code: 'INSUFFICIENT_SCOPES',
    });
    await square.control.clock(25 * HOUR_MS);
    expect(await refused(clientOf(square, short.accessToken).oAuth.retrieveTokenStatus())).toMatchObject({
      status: 401,
      code: 'ACCESS_TOKEN_EXPIRED',
    });
  });

  it('accepts a code once, within five minutes, and with the redirect URL of the authorisation', async () => {
    const square = await aSquare();
    const exchange = (code: string, redirectUri: string | null = CALLBACK) =>
      clientOf(square).oAuth.obtainToken({
        clientId: square.clientId,
        clientSecret: square.clientSecret,
        grantType: 'authorization_code',
        code,
        ...(redirectUri !== null && { redirectUri }),
      });
    const code = await codeFor(square, pageOf(square));
    expect(await refused(exchange(code, 'http://localhost:3000/other'))).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
    });
    expect(await refused(exchange(code, null))).toMatchObject({ status: 400, code: 'MISSING_REQUIRED_PARAMETER' });
    const { accessToken } = await exchange(code);
    expect(await refused(exchange(code))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect((await get(`${square.apiUrl}/v2/merchants/me`, `Bearer ${accessToken ?? ''}`)).status).toBe(200);
    expect(await refused(exchange('sq0cgb-never'))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });

    const late = await codeFor(square, pageOf(square));
    await square.control.clock(5 * 60_000);
    expect(await refused(exchange(late))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });

  it('distinguishes a wrong application, a wrong code and a missing secret', async () => {
    const square = await aSquare();
    const { refreshToken } = await connected(square);
    const token = (body: object) =>
      postJson(`${square.apiUrl}/oauth2/token`, {
        client_id: square.clientId,
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
        ...body,
      });
    const gateway = { message: 'Not Authorized', type: 'service.not_authorized' };
    expect(await token({ client_secret: 'wrong' })).toMatchObject({ status: 401, body: gateway });
    expect(await token({ client_id: 'sandbox-sq0idb-other', client_secret: square.clientSecret })).toMatchObject({
      status: 401,
      body: gateway,
    });
    expect(await token({})).toMatchObject({ status: 400, body: { errors: [{ code: 'MISSING_REQUIRED_PARAMETER' }] } });
    expect(await token({ client_secret: square.clientSecret, refresh_token: 'EQAAlnever' })).toMatchObject({
      status: 401,
      body: { errors: [{ code: 'UNAUTHORIZED' }] },
    });
    expect(
      (
        await postForm(`${square.apiUrl}/oauth2/token`, {
          client_id: square.clientId,
          client_secret: square.clientSecret,
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
        })
      ).status,
    ).toBe(400);
  });
});

describe('the stand-in Square, in PKCE', () => {
  async function connectedByPkce(square: AProvider) {
    const { verifier, challenge } = aVerifier();
    const code = await codeFor(square, pageOf(square, { code_challenge: challenge }));
    return clientOf(square).oAuth.obtainToken({
      clientId: square.clientId,
      grantType: 'authorization_code',
      code,
      redirectUri: CALLBACK,
      codeVerifier: verifier,
    });
  }
  const roll = (square: AProvider, refreshToken: string | undefined) =>
    clientOf(square).oAuth.obtainToken({
      clientId: square.clientId,
      grantType: 'refresh_token',
      refreshToken: refreshToken ?? '',
    });

  it('requires the verifier and no secret, and issues a single-use refresh token', async () => {
    const square = await aSquare();
    const first = await connectedByPkce(square);
    expect(Date.parse(first.refreshTokenExpiresAt ?? '') - Date.now()).toBeGreaterThan(89.9 * DAY_MS);
    const second = await roll(square, first.refreshToken);
    expect(second.refreshToken).not.toBe(first.refreshToken);
    expect(await refused(roll(square, first.refreshToken))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect((await roll(square, second.refreshToken)).accessToken).toBeDefined();
  });

  it('rejects a wrong verifier, a missing one, and the secret instead', async () => {
    const square = await aSquare();
    const { challenge, verifier } = aVerifier();
    const code = await codeFor(square, pageOf(square, { code_challenge: challenge }));
    const exchange = (proof: object) =>
      clientOf(square).oAuth.obtainToken({
        clientId: square.clientId,
        grantType: 'authorization_code',
        code,
        redirectUri: CALLBACK,
        ...proof,
      });
    expect(await refused(exchange({ codeVerifier: aVerifier().verifier }))).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
    });
    expect(await refused(exchange({ codeVerifier: challenge }))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(await refused(exchange({}))).toMatchObject({ status: 400, code: 'MISSING_REQUIRED_PARAMETER' });
    expect(await refused(exchange({ clientSecret: square.clientSecret }))).toMatchObject({
      status: 400,
      code: 'MISSING_REQUIRED_PARAMETER',
    });
    expect((await exchange({ codeVerifier: verifier })).accessToken).toBeDefined();
  });

  it('expires a refresh token after 90 days', async () => {
    const square = await aSquare();
    const { refreshToken } = await connectedByPkce(square);
    await square.control.clock(90 * DAY_MS);
    expect(await refused(roll(square, refreshToken))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });
});

describe('the stand-in Square, on the end of access', () => {
  const revoke = ({ apiUrl, clientId, clientSecret }: AProvider, body: object, secret = clientSecret) =>
    postJson(`${apiUrl}/oauth2/revoke`, { client_id: clientId, ...body }, { authorization: `Client ${secret}` });

  it('revokes every token that the merchant gave the application, and no other tokens', async () => {
    const square = await aSquare();
    const [one, other] = await square.control.accounts();
    const first = await connected(square, one?.id);
    const second = await connected(square, one?.id);
    const foreign = await connected(square, other?.id);
    expect(await revoke(square, { access_token: first.accessToken })).toMatchObject({
      status: 200,
      body: { success: true },
    });
    for (const { accessToken, refreshToken } of [first, second]) {
      expect(await refused(clientOf(square, accessToken).merchants.get({ merchantId: 'me' }))).toMatchObject({
        status: 401,
        code: 'ACCESS_TOKEN_REVOKED',
      });
      expect(await refused(refreshed(square, refreshToken))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    }
    expect((await clientOf(square, foreign.accessToken).merchants.get({ merchantId: 'me' })).merchant?.id).toBe(
      other?.id,
    );
    expect((await revoke(square, { merchant_id: one?.id })).status).toBe(404);
  });

  it('revokes through the SDK with the application’s secret, and only one access token on request', async () => {
    const square = await aSquare();
    const { accessToken, refreshToken, merchantId } = await connected(square);
    expect(await revoke(square, { merchant_id: merchantId }, 'wrong')).toMatchObject({
      status: 401,
      body: { type: 'service.not_authorized' },
    });
    expect((await revoke(square, { merchant_id: merchantId, access_token: accessToken })).status).toBe(400);
    expect((await revoke(square, { access_token: accessToken, revoke_only_access_token: true })).status).toBe(200);
    expect(await refused(clientOf(square, accessToken).merchants.get({ merchantId: 'me' }))).toMatchObject({
      code: 'ACCESS_TOKEN_REVOKED',
    });
    const { accessToken: next } = await refreshed(square, refreshToken);
    // The SDK requires a token at construction and sends the header instead of it.
    const sdk = clientOf(square, 'unused');
    expect(
      await sdk.oAuth.revokeToken(
        { clientId: square.clientId, accessToken: next ?? '' },
        { headers: { Authorization: `Client ${square.clientSecret}` } },
      ),
    ).toMatchObject({ success: true });
    expect(await refused(refreshed(square, refreshToken))).toMatchObject({ status: 401 });
  });

  it('ends access when the merchant revokes it', async () => {
    const square = await aSquare();
    const { accessToken, refreshToken, merchantId } = await connected(square);
    expect(await square.control.revoke(merchantId)).toEqual({ ended: 1 });
    expect(await refused(clientOf(square, accessToken).merchants.get({ merchantId: 'me' }))).toMatchObject({
      status: 401,
      code: 'ACCESS_TOKEN_REVOKED',
    });
    expect(await refused(refreshed(square, refreshToken))).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(await square.control.grants(merchantId)).toMatchObject([{ endedBy: 'owner' }]);
  });

  it('accepts a personal access token, which never expires, and rejects unknown tokens', async () => {
    const square = await aSquare();
    const [account] = await square.control.accounts();
    const personal = account?.details?.['personalToken'] ?? '';
    await square.control.clock(1_000 * DAY_MS);
    expect((await clientOf(square, personal).merchants.get({ merchantId: 'me' })).merchant?.id).toBe(account?.id);
    expect(await refused(clientOf(square, 'EAAAnobody').merchants.get({ merchantId: 'me' }))).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
    });
    expect((await get(`${square.apiUrl}/v2/merchants/me`)).status).toBe(401);
  });
});
