import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import type { OAuthSandbox } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { oauthControl } from '../../support/sandbox/sandbox-oauth.ts';
import { allApps } from '../openapi/all-apps.ts';
import { createApiWorld } from '../api-world.ts';

type World = Awaited<ReturnType<typeof createApiWorld>>;

describe('connecting another provider with a key', () => {
  let sandboxes: { readonly square: OAuthSandbox; readonly mailchimp: OAuthSandbox };
  let api: World;
  let path: string;

  beforeAll(async () => {
    const [square, mailchimp] = await Promise.all([startSquareSandbox(), startMailchimpSandbox()]);
    sandboxes = { square, mailchimp };
    const apps = allApps('http://127.0.0.1:1');
    api = await createApiWorld({
      providers: {
        ...apps,
        square: { ...apps.square, apiUrl: square.apiUrl, appId: null },
        mailchimp: { loginUrl: mailchimp.apiUrl, apiUrl: mailchimp.apiUrl, clientId: null },
      },
    });
    const venue = await api.send('POST', '/v1/venues', { json: { name: 'Harbour', timeZone: 'UTC', currency: 'EUR' } });
    path = `/v1/venues/${venue.json.id}/connections`;
  }, 60_000);
  afterAll(() => Promise.all([api.close(), sandboxes.square.close(), sandboxes.mailchimp.close()]));

  const send = (provider: string, environment: string, secretKey: string) =>
    api.send('POST', path, { json: { provider, environment, credentials: { secretKey } } });

  it.each([
    ['square', 'sandbox', 'personalToken'],
    ['mailchimp', 'production', 'apiKey'],
  ] as const)('works for %s without an app of ours, and shows the account', async (provider, environment, key) => {
    const [account] = await oauthControl(sandboxes[provider].controlUrl).accounts();
    const secretKey = account!.details![key]!;
    const answer = await send(provider, environment, secretKey);
    expect(answer).toMatchObject({
      status: 201,
      json: { provider, environment, state: 'active', account: { id: account!.id, name: account!.name } },
    });
    expect((await send(provider, environment, secretKey)).json.id).toBe(answer.json.id);
    expect(answer.text + api.logLines.join('')).not.toContain(secretKey);
  });

  it.each([
    ['square', 'sandbox', 'personalToken'],
    ['mailchimp', 'production', 'apiKey'],
  ] as const)(
    'works for an account of %s whose name Postgres cannot store as it is',
    async (provider, environment, key) => {
      const account = await oauthControl(sandboxes[provider].controlUrl).addAccount('Caf\u0000e \ud83c');
      expect(await send(provider, environment, account.details![key]!)).toMatchObject({
        status: 201,
        json: { state: 'active', account: { id: account.id, name: 'Cafe \ufffd' } },
      });
    },
  );

  it.each([
    ['square', 'sandbox', 'personalToken'],
    ['mailchimp', 'production', 'apiKey'],
  ] as const)(
    'shows a second venue of %s that another has the account, but not which',
    async (provider, environment, key) => {
      const account = await oauthControl(sandboxes[provider].controlUrl).addAccount();
      const secretKey = account.details![key]!;
      const first = await send(provider, environment, secretKey);
      expect(first).toMatchObject({ status: 201, json: { notes: [] } });
      const venue = await api.send('POST', '/v1/venues', {
        json: { name: 'Market', timeZone: 'UTC', currency: 'EUR' },
      });
      const second = await api.send('POST', `/v1/venues/${venue.json.id}/connections`, {
        json: { provider, environment, credentials: { secretKey } },
      });
      expect(second).toMatchObject({ status: 201, json: { state: 'active', notes: [{ code: 'account-shared' }] } });
      const [firstVenue] = path.split('/').slice(3, 4);
      for (const hidden of [first.json.id, firstVenue!, 'Harbour']) expect(second.text).not.toContain(hidden);
    },
  );

  it.each([
    ['square', 'sandbox', 'EAAA-of-nobody'],
    ['mailchimp', 'production', '0123456789abcdef0123456789abcdef-us6'],
    ['mailchimp', 'production', 'a-key-without-a-data-centre'],
    ['mailchimp', 'production', '0123456789abcdef-us6.evil.example'],
  ])('rejects an invalid key of %s', async (provider, environment, secretKey) => {
    expect(await send(provider, environment, secretKey)).toMatchObject({
      status: 422,
      json: { code: 'credentials-refused' },
    });
  });

  it('rejects an environment that the key does not belong to', async () => {
    for (const [provider, environment, key] of [
      ['square', 'production', 'personalToken'],
      ['mailchimp', 'sandbox', 'apiKey'],
    ] as const) {
      const [account] = await oauthControl(sandboxes[provider].controlUrl).accounts();
      expect(await send(provider, environment, account!.details![key]!)).toMatchObject({
        status: 422,
        json: { code: 'environment-mismatch' },
      });
    }
  });

  it('reports that the provider cannot be reached, not that the key is bad, while it is down', async () => {
    const control = oauthControl(sandboxes.square.controlUrl);
    const [account] = await control.accounts();
    await control.fault({ kind: 'html', status: 503, times: 1 });
    expect(await send('square', 'sandbox', account!.details!['personalToken']!)).toMatchObject({
      status: 503,
      json: { code: 'provider-unavailable' },
    });
    await control.fault({ kind: 'html', status: 401, times: 1 });
    expect((await send('square', 'sandbox', account!.details!['personalToken']!)).json.code).not.toBe(
      'credentials-refused',
    );
  });
});
