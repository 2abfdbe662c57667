import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { ownerBrowser } from '../../support/owner-browser.ts';
import { createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { CODE, createVisitors, expectPage } from './callback-visitors.ts';

const { api, anAttempt, visit, handedOver } = createVisitors();

const pathOf = (link: string) => link.slice(PUBLIC_URL.length);
const open = (link: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  fetch(`http://127.0.0.1:${api().port}${pathOf(link)}`, { method, headers, redirect: 'manual' });

describe('the link of an attempt to connect', () => {
  it.each([
    ['stripe', 'https://connect.stripe.test', ['client_id', 'redirect_uri', 'response_type', 'scope', 'state']],
    ['square', 'https://square.test', ['client_id', 'code_challenge', 'redirect_uri', 'scope', 'state']],
    ['quickbooks', 'https://authorize.intuit.test', ['client_id', 'redirect_uri', 'response_type', 'scope', 'state']],
    ['mailchimp', 'https://login.mailchimp.test', ['client_id', 'redirect_uri', 'response_type', 'state']],
  ] as const)('is ours, carries the parameters of %s’s URL, and redirects to it', async (provider, origin, names) => {
    const { link, state } = await anAttempt(provider);
    expect(link.startsWith(`${PUBLIC_URL}/oauth/${provider}/authorize?`)).toBe(true);
    const response = await open(link);
    expect([
      response.status,
      response.headers.get('cache-control'),
      response.headers.get('referrer-policy'),
      await response.text(),
    ]).toEqual([303, 'no-store', 'no-referrer', '']);
    const location = new URL(response.headers.get('location') ?? '');
    expect(location.origin).toBe(origin);
    expect([...location.searchParams.keys()].sort()).toEqual(names);
    expect(location.searchParams.get('state')).toBe(state);
    const shown = new URL(link).searchParams;
    for (const [name, value] of location.searchParams) expect(shown.get(name)).toBe(value);
  });

  it('sets a cookie that only this host can set and only it receives', async () => {
    const { link, state } = await anAttempt();
    const [cookie = '', ...others] = (await open(link)).headers.getSetCookie();
    expect(others).toEqual([]);
    const [pair = '', ...attributes] = cookie.split('; ');
    expect(pair).toMatch(/^__Host-interlock-connect-[0-9a-f]{16}=[\w-]{22}$/);
    expect(attributes.filter((attribute) => !attribute.startsWith('Expires=')).sort()).toEqual([
      'HttpOnly',
      'Max-Age=3600',
      'Path=/',
      'SameSite=Lax',
      'Secure',
    ]);
    expect(cookie).not.toContain(state);
  });

  it.each<[string, (link: URL) => void]>([
    [
      'with another page',
      (link) => {
        link.searchParams.set('interlock_page', 'https://attacker.test/');
      },
    ],
    [
      'with another redirect URI',
      (link) => {
        link.searchParams.set('redirect_uri', 'https://attacker.test/');
      },
    ],
    [
      'with another parameter',
      (link) => {
        link.searchParams.append('prompt', 'none');
      },
    ],
    [
      'with another state',
      (link) => {
        link.searchParams.set('state', 'A'.repeat(43));
      },
    ],
    [
      'with a second state',
      (link) => {
        link.searchParams.append('state', 'A'.repeat(43));
      },
    ],
    [
      'without its ticket',
      (link) => {
        link.searchParams.delete('interlock_ticket');
      },
    ],
    [
      'with a ticket that was made up',
      (link) => {
        link.searchParams.set('interlock_ticket', 'A'.repeat(22));
      },
    ],
    [
      'for another provider',
      (link) => {
        link.pathname = link.pathname.replace('square', 'stripe');
      },
    ],
    [
      'made of the state alone',
      (link) => {
        link.search = `?state=${link.searchParams.get('state') ?? ''}`;
      },
    ],
    [
      'too long',
      (link) => {
        link.searchParams.append('padding', 'a'.repeat(8_000));
      },
    ],
  ])('%s redirects nowhere', async (_case, change) => {
    const link = new URL((await anAttempt()).link);
    change(link);
    const response = await open(link.href);
    expect([response.status, response.headers.get('location'), response.headers.getSetCookie()]).toEqual([
      404,
      null,
      [],
    ]);
    expect(await response.text()).toContain('Code: authorization-not-found');
  });

  it('of no provider is not found', async () => {
    const response = await open(`${PUBLIC_URL}/oauth/paypal/authorize?state=x`);
    expect([response.status, (await response.text()).includes('Code: provider-not-found')]).toEqual([404, true]);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['a browser that fetches ahead', { 'sec-purpose': 'prefetch' }],
    ['a frame in another page', { 'sec-fetch-dest': 'iframe' }],
    ['a picture in another page', { 'sec-fetch-dest': 'image' }],
  ])('sets no cookie for %s', async (_case, headers) => {
    const response = await open((await anAttempt()).link, headers);
    expect([response.status, response.headers.get('location'), response.headers.getSetCookie()]).toEqual([
      503,
      null,
      [],
    ]);
  });

  it.each(['HEAD', 'POST'])('rejects %s', async (method) => {
    const response = await open((await anAttempt()).link, {}, method);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  });

  it('makes no call to Temporal', async () => {
    const { link } = await anAttempt();
    api().connectionGateway.away = true;
    expect((await open(link)).status).toBe(303);
  });
});

describe('a callback in another browser', () => {
  const elsewhere = { sameBrowser: false };

  it('is told to start again in this one, and neither uses up the state nor learns anything', async () => {
    const begun = await anAttempt();
    const answer = await visit({ state: begun.state, code: CODE }, elsewhere);
    expectPage(answer, 403, 'authorization-other-browser');
    expect(answer.text).toContain('Open the link to connect once more, in this browser');
    expect(answer.text).not.toContain(begun.connectionId);
    expect(handedOver(begun)).toEqual([]);
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
    expectPage(await visit({ state: begun.state, code: CODE }, elsewhere), 403, 'authorization-other-browser');
  });

  it.each([['access_denied'], ['server_error']])('cannot end the attempt with the error %s', async (error) => {
    const begun = await anAttempt();
    expectPage(await visit({ state: begun.state, error }, elsewhere), 403, 'authorization-other-browser');
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });

  it('is not redirected to the return URL', async () => {
    const begun = await anAttempt('square', { returnUrl: 'https://shop.test/connected' });
    const answer = await visit({ state: begun.state, code: CODE }, elsewhere);
    expectPage(answer, 403, 'authorization-other-browser');
    expect(answer.headers.get('location')).toBeNull();
  });

  it('is rejected with the cookie of another attempt, whatever its name', async () => {
    const [own, other] = [await anAttempt(), await anAttempt()];
    const cookieOf = async ({ link }: { readonly link: string }) =>
      ((await open(link)).headers.getSetCookie()[0] ?? '').split(';')[0] ?? '';
    const [ownPair, otherPair] = [await cookieOf(own), await cookieOf(other)];
    const renamed = `${ownPair.split('=')[0] ?? ''}=${otherPair.split('=')[1] ?? ''}`;
    for (const cookie of [
      otherPair,
      renamed,
      ownPair.replace('__Host-', ''),
      ownPair.split('=')[0] ?? '',
      `${ownPair}x`,
      '=',
      ';;',
    ])
      expectPage(
        await visit({ state: own.state, code: CODE }, { ...elsewhere, headers: { cookie } }),
        403,
        'authorization-other-browser',
      );
    expectPage(
      await visit({ state: own.state, code: CODE }, { ...elsewhere, headers: { cookie: `a=b; ${ownPair};c` } }),
      200,
    );
  });

  it('does not use up the attempt’s own visits', async () => {
    const begun = await anAttempt();
    for (let round = 0; round < 61; round += 1)
      expectPage(await visit({ state: begun.state, code: CODE }, elsewhere), 403, 'authorization-other-browser');
    expectPage(await visit({ state: begun.state, code: CODE }), 200);
  });

  it('makes no call to Temporal, and neither does a state that we have not made', async () => {
    const begun = await anAttempt();
    api().connectionGateway.away = true;
    expectPage(await visit({ state: begun.state, code: CODE }, elsewhere), 403, 'authorization-other-browser');
    const forged = randomBytes(32).toString('base64url');
    expectPage(await visit({ state: forged, code: CODE }), 404, 'authorization-not-found');
  });
});

describe('one browser', () => {
  it('connects two accounts at once', async () => {
    const [square, stripe] = [await anAttempt('square'), await anAttempt('stripe')];
    expectPage(await visit({ state: square.state, code: CODE }), 200);
    expectPage(await visit({ state: stripe.state, code: CODE }, { provider: 'stripe' }), 200);
  });
});

describe('where the public URL is http', () => {
  let world: ApiWorld | null = null;
  afterAll(() => world?.close());

  it('gives the cookie no prefix and no Secure, since programs and Safari would not send it', async () => {
    const publicUrl = 'http://127.0.0.1:3000';
    world = await createApiWorld({ config: { publicUrl } });
    const { port } = world;
    const { json } = await world.send('POST', `/v1/venues/${await world.aVenue()}/connections`, {
      json: { provider: 'square', environment: 'sandbox' },
    });
    const browser = ownerBrowser(() => `http://127.0.0.1:${port}`);
    const location = new URL(await browser.open(json.authorizationUrl));
    expect(browser.cookies()).toMatch(/^interlock-connect-[0-9a-f]{16}=[\w-]{22}$/);
    const state = location.searchParams.get('state') ?? '';
    const callback = `${publicUrl}/oauth/square/callback?${new URLSearchParams({ state, code: CODE }).toString()}`;
    expect((await browser.visit(callback)).status).toBe(200);
  });
});
