import { describe, expect, it } from 'vitest';
import { startXeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import type { XeroSandbox } from '../../../sandbox/xero/xero-sandbox.ts';
import { aProvider, basic, CALLBACK, DAY_MS, paramsOf, postForm, urlOf } from './oauth-support.ts';
import type { AProvider } from './oauth-support.ts';

const SCOPE = 'offline_access accounting.contacts';
const MINUTE_MS = 60_000;

type Xero = AProvider & XeroSandbox;
const aXero = () => aProvider(startXeroSandbox);

const pageOf = ({ authorizeUrl, clientId }: Xero, scope = SCOPE) =>
  urlOf(authorizeUrl, { client_id: clientId, response_type: 'code', scope, state: 's', redirect_uri: CALLBACK });

const token = ({ tokenUrl, clientId, clientSecret }: Xero, form: Record<string, string>) =>
  postForm(tokenUrl, form, basic(clientId, clientSecret));

const refresh = (xero: Xero, refreshToken: unknown) =>
  token(xero, { grant_type: 'refresh_token', refresh_token: String(refreshToken) });

async function connected(xero: Xero, account?: string) {
  const { redirectUrl, account: id } = await xero.control.approve(pageOf(xero), account);
  const { code = '' } = paramsOf(redirectUrl);
  const { body } = await token(xero, { grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
  return { id, accessToken: String(body['access_token']), refreshToken: String(body['refresh_token']), body };
}

interface Connection {
  readonly id: string;
  readonly tenantId: string;
  readonly authEventId: string;
  readonly createdDateUtc: string;
}

async function connections({ apiUrl }: Xero, accessToken: string, query = ''): Promise<readonly Connection[]> {
  const response = await fetch(`${apiUrl}/connections${query}`, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  return (await response.json()) as readonly Connection[];
}

const contacts = ({ apiUrl }: Xero, accessToken: string, tenantId: string) =>
  fetch(`${apiUrl}/api.xro/2.0/Contacts`, {
    headers: { authorization: `Bearer ${accessToken}`, 'xero-tenant-id': tenantId, accept: 'application/json' },
  });

const eventOf = (accessToken: string) =>
  (
    JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString('utf8')) as {
      readonly authentication_event_id: string;
    }
  ).authentication_event_id;

const INVALID_GRANT = { status: 400, body: { error: 'invalid_grant' } };

describe('the stand-in Xero, on connecting', () => {
  it('opens every organisation of the user by one token, and tells which were approved together', async () => {
    const xero = await aXero();
    const [first, second] = await xero.control.accounts();
    const one = await connected(xero, first?.id);
    const other = await connected(xero, second?.id);
    expect((await connections(xero, other.accessToken)).map(({ tenantId }) => tenantId)).toEqual([
      first?.id,
      second?.id,
    ]);
    const approved = await connections(xero, other.accessToken, `?authEventId=${eventOf(other.accessToken)}`);
    expect(approved).toMatchObject([
      { tenantId: second?.id, createdDateUtc: expect.not.stringMatching(/Z$/) as string },
    ]);
    for (const { id } of [one, other]) expect((await contacts(xero, other.accessToken, id)).status).toBe(200);
  });

  it('refuses an organisation that was never connected, a missing scope, and a scope that it does not know', async () => {
    const xero = await aXero();
    const [first, second] = await xero.control.accounts();
    const { accessToken } = await connected(xero, first?.id);
    const foreign = await contacts(xero, accessToken, second?.id ?? '');
    expect([foreign.status, await foreign.json()]).toMatchObject([403, { Detail: 'AuthenticationUnsuccessful' }]);
    const { redirectUrl } = await xero.control.approve(pageOf(xero, 'openid offline_access'), first?.id);
    const { code = '' } = paramsOf(redirectUrl);
    const { body } = await token(xero, { grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
    const unscoped = await contacts(xero, String(body['access_token']), first?.id ?? '');
    expect([unscoped.status, await unscoped.json()]).toMatchObject([401, { Detail: 'AuthorizationUnsuccessful' }]);
    await expect(xero.control.approve(pageOf(xero, 'accounting.transactions'))).rejects.toThrow('invalid_scope');
  });

  it('ends one organisation by its connection: the token lives, its organisation is gone', async () => {
    const xero = await aXero();
    const [first, second] = await xero.control.accounts();
    const one = await connected(xero, first?.id);
    const other = await connected(xero, second?.id);
    const [connection] = await connections(xero, one.accessToken, `?authEventId=${eventOf(one.accessToken)}`);
    const remove = () =>
      fetch(`${xero.apiUrl}/connections/${connection?.id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${other.accessToken}` },
      });
    expect((await remove()).status).toBe(204);
    expect((await remove()).status).toBe(404);
    expect((await contacts(xero, one.accessToken, one.id)).status).toBe(403);
    expect((await contacts(xero, one.accessToken, other.id)).status).toBe(200);
  });
});

describe('the stand-in Xero’s tokens', () => {
  it('last half an hour, and without `offline_access` there is none to refresh them by', async () => {
    const xero = await aXero();
    const { accessToken, body, id } = await connected(xero);
    expect(body).toMatchObject({ expires_in: 1_800, token_type: 'Bearer', scope: SCOPE });
    await xero.control.send('POST', '/clock', { offsetMs: 30 * MINUTE_MS + 1_000 });
    const expired = await contacts(xero, accessToken, id);
    expect([expired.status, await expired.json()]).toMatchObject([
      401,
      { Detail: expect.stringMatching(/^TokenExpired/) as string },
    ]);
    const { redirectUrl } = await xero.control.approve(pageOf(xero, 'accounting.contacts'));
    const { code = '' } = paramsOf(redirectUrl);
    const online = await token(xero, { grant_type: 'authorization_code', code, redirect_uri: CALLBACK });
    expect(online.body).not.toHaveProperty('refresh_token');
  });

  it('change with each refresh; the previous refresh token works for half an hour more', async () => {
    const xero = await aXero();
    const { refreshToken } = await connected(xero);
    const next = await refresh(xero, refreshToken);
    expect(next.body['refresh_token']).not.toBe(refreshToken);
    expect((await refresh(xero, refreshToken)).body['refresh_token']).toBe(next.body['refresh_token']);
    await xero.control.send('POST', '/clock', { offsetMs: 31 * MINUTE_MS });
    expect(await refresh(xero, refreshToken)).toMatchObject(INVALID_GRANT);
    expect((await refresh(xero, next.body['refresh_token'])).status).toBe(200);
  });

  it('end after 60 days without use', async () => {
    const xero = await aXero();
    const { refreshToken } = await connected(xero);
    await xero.control.send('POST', '/clock', { offsetMs: 59 * DAY_MS });
    const used = await refresh(xero, refreshToken);
    await xero.control.send('POST', '/clock', { offsetMs: 118 * DAY_MS });
    const again = await refresh(xero, used.body['refresh_token']);
    expect([used.status, again.status]).toEqual([200, 200]);
    await xero.control.send('POST', '/clock', { offsetMs: 179 * DAY_MS });
    expect(await refresh(xero, again.body['refresh_token'])).toMatchObject(INVALID_GRANT);
  });

  it('are all revoked by one: that ends every organisation of the user', async () => {
    const xero = await aXero();
    const [first, second] = await xero.control.accounts();
    const one = await connected(xero, first?.id);
    const other = await connected(xero, second?.id);
    const revoked = await postForm(
      `${xero.apiUrl}/connect/revocation`,
      { token: one.refreshToken },
      basic(xero.clientId, xero.clientSecret),
    );
    expect(revoked).toMatchObject({ status: 200, body: {} });
    expect(await refresh(xero, other.refreshToken)).toMatchObject(INVALID_GRANT);
  });
});
