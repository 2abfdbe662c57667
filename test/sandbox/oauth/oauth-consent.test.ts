import { describe, expect, it } from 'vitest';
import { startMailchimpSandbox } from '../../../sandbox/mailchimp/mailchimp-sandbox.ts';
import { startQuickBooksSandbox } from '../../../sandbox/quickbooks/quickbooks-sandbox.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';
import { oauthControl, startOAuthSandbox } from '../../support/sandbox/sandbox-oauth.ts';
import { aVerifier, CALLBACK, paramsOf, urlOf } from './oauth-support.ts';
import { later } from '../../support/later.ts';

interface Page {
  readonly url: string;
  readonly control: ReturnType<typeof oauthControl>;
  readonly clientId: string;
}

/** The authorisation page of each flow of each provider. */
const PAGES: Readonly<Record<string, () => Promise<Page>>> = {
  async 'Stripe Connect'() {
    const sandbox = await opened(startStripeSandbox());
    return {
      clientId: sandbox.connectClientId,
      control: oauthControl(sandbox.controlUrl),
      url: pageAt(`${sandbox.connectUrl}/oauth/authorize`, sandbox.connectClientId, { scope: 'read_write' }),
    };
  },
  async 'Stripe Apps'() {
    const sandbox = await opened(startStripeSandbox());
    return {
      clientId: sandbox.appClientId,
      control: oauthControl(sandbox.controlUrl),
      url: pageAt(sandbox.marketplaceUrl, sandbox.appClientId),
    };
  },
  async Square() {
    const sandbox = await opened(startSquareSandbox());
    return {
      ...sandbox,
      control: oauthControl(sandbox.controlUrl),
      url: pageAt(`${sandbox.apiUrl}/oauth2/authorize`, sandbox.clientId, { scope: 'ITEMS_READ' }),
    };
  },
  async QuickBooks() {
    const sandbox = await opened(startQuickBooksSandbox());
    return {
      ...sandbox,
      control: oauthControl(sandbox.controlUrl),
      url: pageAt(sandbox.authorizeUrl, sandbox.clientId, { scope: 'com.intuit.quickbooks.accounting' }),
    };
  },
  async Mailchimp() {
    const sandbox = await opened(startMailchimpSandbox());
    return {
      ...sandbox,
      control: oauthControl(sandbox.controlUrl),
      url: pageAt(`${sandbox.apiUrl}/oauth2/authorize`, sandbox.clientId),
    };
  },
};

async function opened<S extends { close(): Promise<void> }>(starting: Promise<S>): Promise<S> {
  const sandbox = await starting;
  later(() => sandbox.close());
  return sandbox;
}

const pageAt = (page: string, clientId: string, more: Record<string, string> = {}) =>
  urlOf(page, { response_type: 'code', client_id: clientId, redirect_uri: CALLBACK, state: 'a state&b', ...more });

/** Submits the page's only form with one button, as a browser does. */
async function press(url: string, decision: string, account?: string): Promise<Response> {
  const html = await (await fetch(url)).text();
  const decoded = (text: string) => text.replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
  const field = (pattern: RegExp) => decoded(pattern.exec(html)?.[1] ?? '');
  const body = new URLSearchParams({
    request: field(/name="request" value="([^"]*)"/),
    account: account ?? field(/name="account" value="([^"]*)" checked/),
    decision,
  });
  return fetch(new URL(field(/<form method="post" action="([^"]*)"/), url), {
    method: 'POST',
    body,
    redirect: 'manual',
  });
}

describe.each(Object.entries(PAGES))('the authorisation page of %s', (_, open) => {
  it('names the application and the accounts and works without scripts', async () => {
    const { url, clientId, control } = await open();
    const response = await fetch(url);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(html).toContain(clientId);
    for (const { id } of await control.accounts()) expect(html).toContain(id);
    expect(html).not.toContain('<script');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('redirects an account owner who allows with a new code and the unchanged state', async () => {
    const { url, control } = await open();
    const [account] = await control.accounts();
    const response = await press(url, 'allow', account?.id);
    expect(response.status).toBe(302);
    const location = response.headers.get('location') ?? '';
    expect(location.startsWith(`${CALLBACK}?`)).toBe(true);
    expect(paramsOf(location)).toMatchObject({
      state: 'a state&b',
      code: expect.stringMatching(/^\S{20,}$/) as string,
    });
    const again = (await press(url, 'allow', account?.id)).headers.get('location') ?? '';
    expect(paramsOf(again)['code']).not.toBe(paramsOf(location)['code']);
  });

  it('redirects an account owner who denies without a code', async () => {
    const { url, control } = await open();
    const params = paramsOf((await press(url, 'deny')).headers.get('location') ?? '');
    expect(params).toMatchObject({ error: 'access_denied', state: 'a state&b' });
    expect(params).not.toHaveProperty('code');
    expect(paramsOf((await control.deny(url)).redirectUrl)).toEqual(params);
  });

  it('creates an account for a person who has none', async () => {
    const { url, control } = await open();
    const before = await control.accounts();
    const { account } = await control.approve(url, 'new');
    const after = await control.accounts();
    expect(after).toHaveLength(before.length + 1);
    expect(after.map(({ id }) => id)).toContain(account);
  });

  it.each([
    ['an unknown application', { client_id: 'nobody' }],
    ['a redirect_uri to another machine without TLS', { redirect_uri: 'http://venue.example.com/callback' }],
    ['a redirect_uri that hides its host', { redirect_uri: 'https://venue.example.com@evil.example/callback' }],
    ['a redirect_uri with a fragment', { redirect_uri: `${CALLBACK}#x` }],
    ['a redirect_uri that is not a web address', { redirect_uri: 'javascript:alert(1)' }],
    ['another response type', { response_type: 'token' }],
  ])('shows a problem and redirects nobody for %s', async (_name, wrong) => {
    const { url, control } = await open();
    const bad = urlOf(url, wrong);
    const shown = await fetch(bad);
    expect(shown.status).toBe(400);
    expect(shown.headers.get('content-type')).toMatch(/^text\/html/);
    const body = new URLSearchParams({ request: new URL(bad).search.slice(1), decision: 'allow' });
    const forced = await fetch(bad, { method: 'POST', body, redirect: 'manual' });
    expect({ status: forced.status, location: forced.headers.get('location') }).toEqual({
      status: 400,
      location: null,
    });
    await expect(control.approve(bad)).rejects.toThrow(/400.*link-problem/);
  });

  it('rejects a repeated parameter, an unknown account and an unknown decision', async () => {
    const { url } = await open();
    expect((await fetch(`${url}&state=again`)).status).toBe(400);
    expect((await press(url, 'allow', 'acct_nobody')).status).toBe(400);
    expect((await press(url, 'perhaps')).status).toBe(400);
  });

  it('redirects only to registered redirect URIs once any are registered', async () => {
    const { url, clientId, control } = await open();
    await control.send('POST', '/apps', {
      id: clientId,
      redirectUris: ['https://interlock.example.com/oauth/callback'],
    });
    expect((await fetch(url)).status).toBe(400);
    const registered = urlOf(url, { redirect_uri: 'https://interlock.example.com/oauth/callback' });
    expect((await control.approve(registered)).redirectUrl).toContain('https://interlock.example.com/oauth/callback?');
  });

  it('shows a caller’s input as plain text', async () => {
    const { url } = await open();
    const html = await (await fetch(`${url}&hint=${encodeURIComponent('"><img src=x>')}`)).text();
    expect(html).not.toContain('<img');
  });
});

describe('the authorisation pages of all providers', () => {
  it('have different requirements: scope and state for QuickBooks, a known scope for Stripe, S256 PKCE for Square', async () => {
    const [quickbooks = '', stripe = '', square = ''] = await Promise.all(
      ['QuickBooks', 'Stripe Connect', 'Square'].map(async (name) => (await PAGES[name]?.())?.url),
    );
    const without = (url: string, name: string) => {
      const copy = new URL(url);
      copy.searchParams.delete(name);
      return copy.href;
    };
    const status = async (url: string) => (await fetch(url)).status;
    expect(await status(without(quickbooks, 'scope'))).toBe(400);
    expect(await status(without(quickbooks, 'state'))).toBe(400);
    expect(await status(without(quickbooks, 'redirect_uri'))).toBe(400);
    expect(await status(urlOf(stripe, { scope: 'everything' }))).toBe(400);
    expect(await status(urlOf(square, { scope: 'items_read' }))).toBe(400);
    expect(await status(urlOf(square, { code_challenge: 'short' }))).toBe(400);
    const { challenge } = aVerifier();
    expect(await status(urlOf(square, { code_challenge: challenge, code_challenge_method: 'plain' }))).toBe(400);
    expect(await status(urlOf(square, { code_challenge: challenge, code_challenge_method: 'S256' }))).toBe(200);
  });

  it('are isolated: each in-process stand-in has its own address, credentials and accounts', async () => {
    const all = await opened(startOAuthSandbox());
    const urls = [all.stripe, all.square, all.quickbooks, all.mailchimp].flatMap(({ apiUrl, controlUrl }) => [
      apiUrl,
      controlUrl,
    ]);
    expect(new Set(urls).size).toBe(8);
    for (const { controlUrl } of [all.square, all.quickbooks, all.mailchimp])
      expect(await oauthControl(controlUrl).accounts()).toHaveLength(2);
  });
});
