import * as client from 'openid-client';
import { describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import {
  aProvider,
  basic,
  CALLBACK,
  codeFor,
  DAY_MS,
  get,
  openidConfiguration,
  postForm,
  postJson,
  urlOf,
} from './oauth-support.ts';
import type { AProvider } from './oauth-support.ts';

const aMailchimp = () => aProvider(startMailchimpSandbox);
const pageOf = ({ apiUrl, clientId }: AProvider) =>
  urlOf(`${apiUrl}/oauth2/authorize`, {
    response_type: 'code',
    client_id: clientId,
    redirect_uri: CALLBACK,
    state: 's',
  });
const exchange = ({ apiUrl, clientId, clientSecret }: AProvider, code: string, more: Record<string, string> = {}) =>
  postForm(`${apiUrl}/oauth2/token`, {
    grant_type: 'authorization_code',
    client_id: clientId,
    client_secret: clientSecret,
    redirect_uri: CALLBACK,
    code,
    ...more,
  });

async function connected(mailchimp: AProvider, account?: string) {
  const { body } = await exchange(mailchimp, await codeFor(mailchimp, pageOf(mailchimp), account));
  return String(body['access_token']);
}

describe('the stand-in Mailchimp', () => {
  it('issues a token that never expires, without a refresh token, scope or type', async () => {
    const mailchimp = await aMailchimp();
    const { status, body } = await exchange(mailchimp, await codeFor(mailchimp, pageOf(mailchimp)));
    expect({ status, body }).toEqual({
      status: 200,
      body: { access_token: expect.stringMatching(/^\w{32}$/) as string, expires_in: 0, scope: null },
    });
    await mailchimp.control.clock(10_000 * DAY_MS);
    expect((await get(`${mailchimp.apiUrl}/3.0/`, `Bearer ${String(body['access_token'])}`)).status).toBe(200);
  });

  it('sends an answer that openid-client refuses, so a client that uses it must correct the answer', async () => {
    const mailchimp = await aMailchimp();
    const { apiUrl, clientId, clientSecret, control } = mailchimp;
    const config = openidConfiguration({
      authorizeUrl: `${apiUrl}/oauth2/authorize`,
      tokenUrl: `${apiUrl}/oauth2/token`,
      clientId,
      authentication: client.ClientSecretPost(clientSecret),
    });
    const grant = async () =>
      client.authorizationCodeGrant(config, new URL((await control.approve(pageOf(mailchimp))).redirectUrl), {
        expectedState: 's',
      });
    await expect(grant()).rejects.toMatchObject({ code: 'OAUTH_INVALID_RESPONSE' });
    config[client.customFetch] = async (url, init) => {
      const response = await fetch(url, init as RequestInit);
      const { access_token: accessToken } = (await response.json()) as { access_token: string };
      return Response.json({ access_token: accessToken, token_type: 'bearer' });
    };
    expect((await grant()).access_token).toMatch(/^\w{32}$/);
  });

  it('names the data centre in the metadata and the account in the API', async () => {
    const mailchimp = await aMailchimp();
    const [, second] = await mailchimp.control.accounts();
    const token = await connected(mailchimp, second?.id);
    for (const scheme of ['OAuth', 'Bearer']) {
      const { status, body } = await get(`${mailchimp.apiUrl}/oauth2/metadata`, `${scheme} ${token}`);
      expect({ status, body }).toMatchObject({
        status: 200,
        body: { dc: second?.details?.['dc'], accountname: second?.name, api_endpoint: mailchimp.apiUrl, role: 'owner' },
      });
      expect(await get(`${String(body['api_endpoint'])}/3.0/`, `${scheme} ${token}`)).toMatchObject({
        status: 200,
        body: { account_id: second?.id, account_name: second?.name },
      });
    }
    expect(await get(`${mailchimp.apiUrl}/3.0/ping`, `Bearer ${token}`)).toMatchObject({
      status: 200,
      body: { health_status: "Everything's Chimpy!" },
    });
  });

  it('accepts an account’s API key with any user name', async () => {
    const mailchimp = await aMailchimp();
    const [account] = await mailchimp.control.accounts();
    const key = account?.details?.['apiKey'] ?? '';
    expect(key.split('-')[1]).toBe(account?.details?.['dc']);
    for (const authorization of [basic('anything', key)['authorization'], `Bearer ${key}`]) {
      expect(await get(`${mailchimp.apiUrl}/3.0/`, authorization)).toMatchObject({
        status: 200,
        body: { account_id: account?.id },
      });
    }
    // Metadata accepts OAuth tokens only.
    expect((await get(`${mailchimp.apiUrl}/oauth2/metadata`, `OAuth ${key}`)).status).toBe(401);
  });

  it('accepts a code once, before it expires, with the same redirect_uri, and only as a form with the secret', async () => {
    const mailchimp = await aMailchimp();
    const code = await codeFor(mailchimp, pageOf(mailchimp));
    expect(await exchange(mailchimp, code, { client_secret: 'wrong' })).toMatchObject({
      status: 400,
      body: { error: 'invalid_client' },
    });
    expect(await exchange(mailchimp, code, { redirect_uri: `${CALLBACK}?x` })).toMatchObject({
      status: 400,
      body: { error: 'redirect_uri_mismatch' },
    });
    expect(await exchange(mailchimp, code, { grant_type: 'refresh_token' })).toMatchObject({
      status: 400,
      body: { error: 'unsupported_grant_type' },
    });
    const { apiUrl, clientId: client_id, clientSecret: client_secret } = mailchimp;
    expect(
      (
        await postJson(`${apiUrl}/oauth2/token`, {
          grant_type: 'authorization_code',
          client_id,
          client_secret,
          redirect_uri: CALLBACK,
          code,
        })
      ).status,
    ).toBe(400);
    expect((await exchange(mailchimp, code)).status).toBe(200);
    expect(await exchange(mailchimp, code)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
    const late = await codeFor(mailchimp, pageOf(mailchimp));
    await mailchimp.control.clock(10 * 60_000);
    expect(await exchange(mailchimp, late)).toMatchObject({ status: 400, body: { error: 'invalid_grant' } });
  });

  it('ends access only when the user revokes it, and then answers with a problem', async () => {
    const mailchimp = await aMailchimp();
    const [first, second] = await mailchimp.control.accounts();
    const mine = await connected(mailchimp, first?.id);
    const other = await connected(mailchimp, second?.id);
    await mailchimp.control.revoke(first?.id ?? '');
    const answer = await get(`${mailchimp.apiUrl}/3.0/`, `Bearer ${mine}`);
    expect(answer).toMatchObject({ status: 401, body: { title: 'API Key Invalid', status: 401 } });
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
    expect(await get(`${mailchimp.apiUrl}/oauth2/metadata`, `OAuth ${mine}`)).toMatchObject({
      status: 401,
      body: { error: 'invalid_token' },
    });
    expect((await get(`${mailchimp.apiUrl}/3.0/`, `Bearer ${other}`)).status).toBe(200);
    expect((await get(`${mailchimp.apiUrl}/3.0/`)).status).toBe(401);
  });
});
