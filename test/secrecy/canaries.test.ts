import { ownerBrowser } from '../support/owner-browser.ts';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { Stripe } from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OAuthFlow } from '../../contracts/providers.ts';
import { until } from '../support/eventually.ts';
import { startKmsServer } from '../support/services/kms-server.ts';
import { oauthControl, startOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';
import type { RunningOAuthSandbox } from '../support/sandbox/sandbox-oauth.ts';
import type { ConnectionBody } from '../support/service-client.ts';
import { stripeSandboxOf } from '../support/sandbox/stripe-account.ts';
import { aCustomer } from '../support/worlds/sync-world.ts';
import { startSystem } from '../support/worlds/system.ts';
import type { System } from '../support/worlds/system.ts';
import { find, spellingsOf } from './scan.ts';
import type { Source } from './scan.ts';
import * as sources from './sources.ts';
import { tap } from './wiretap.ts';
import type { Overheard } from './wiretap.ts';
import type { AppProvider } from '../support/test-providers.ts';

type Connecting = ConnectionBody & { readonly authorizationUrl: string };
type Tap = Awaited<ReturnType<typeof tap>>;
type Taps = Readonly<Record<AppProvider | 'kms', Tap>>;

const AWS_SECRET = `aws${randomBytes(20).toString('hex')}`;
const IN_AN_EVENT = `buyer${randomBytes(8).toString('hex')}@shop.test`;
const WRONG_KEY = `sk_test_${randomBytes(12).toString('hex')}`;

describe('every secret that passes through the service, including failures', () => {
  let system: System;
  let sandbox: RunningOAuthSandbox;
  let kms: Awaited<ReturnType<typeof startKmsServer>>;
  let taps: Taps;
  let venueId: string;
  /** The API's answers, including pages of the callback. */
  const answers: string[] = [];
  const states: Overheard[] = [];
  const webhookSecrets: Overheard[] = [];
  let everything: readonly Source[];
  let secrets: readonly Overheard[];
  let connectionId: string;
  /** Part of the API's log and answers, which say nothing about connections. */
  const requestId = `request-${randomBytes(8).toString('hex')}`;

  beforeAll(async () => {
    [sandbox, kms] = await Promise.all([startOAuthSandbox(), startKmsServer()]);
    const { stripe, square, quickbooks, mailchimp, xero } = sandbox;
    const [toStripe, toSquare, toQuickbooks, toMailchimp, toXero, toKms] = await Promise.all([
      tap(stripe.apiUrl),
      tap(square.apiUrl),
      tap(quickbooks.apiUrl),
      tap(mailchimp.apiUrl),
      tap(xero.apiUrl),
      tap(kms.endpoint),
    ]);
    taps = {
      stripe: toStripe,
      square: toSquare,
      quickbooks: toQuickbooks,
      mailchimp: toMailchimp,
      xero: toXero,
      kms: toKms,
    };
    system = await startSystem({ env: environmentOf(sandbox, taps, kms.keyArn) });
    venueId = await system.api.createVenue();
    connectionId = await liveThroughEverything();
    everything = await readEverything();
    secrets = [
      ...Object.values(taps).flatMap((one) => one.overheard()),
      ...states,
      ...webhookSecrets,
      { kind: 'AWS secret', value: AWS_SECRET },
      { kind: 'refused key', value: WRONG_KEY },
    ];
  }, 300_000);
  afterAll(async () => {
    await system.stop();
    await Promise.all([...Object.values(taps).map((one) => one.close()), sandbox.close(), kms.stop()]);
  });

  async function post(path: string, body: object): Promise<unknown> {
    const { body: answer } = await system.api.tryPost(`/v1/venues/${venueId}${path}`, body);
    answers.push(JSON.stringify(answer));
    return answer;
  }
  async function begin(provider: AppProvider, flow: OAuthFlow): Promise<Connecting> {
    const connecting = (
      await system.api.tryPost(
        `/v1/venues/${venueId}/connections`,
        { provider, environment: ['mailchimp', 'xero'].includes(provider) ? 'production' : 'sandbox', flow },
        randomUUID(),
      )
    ).body as Connecting;
    states.push({ kind: 'state', value: new URL(connecting.authorizationUrl).searchParams.get('state') ?? '' });
    return connecting;
  }
  const browser = ownerBrowser(() => system.apiUrl);
  async function comeBack(redirectUrl: string): Promise<void> {
    const response = await browser.visit(redirectUrl);
    answers.push(`${response.headers.get('location') ?? ''}\n${await response.text()}`);
  }
  const controlOf = (provider: AppProvider) => oauthControl(sandbox[provider].controlUrl);
  const reaches = async (id: string, state: string) => {
    try {
      await until(async () => (await system.api.connection(venueId, id)).state === state, {
        limitMs: 60_000,
        what: `the connection is ${state}`,
        everyMs: 200,
      });
    } catch (error) {
      throw new Error(
        `${JSON.stringify(await system.api.connection(venueId, id))}\n${answers.at(-1) ?? ''}\n${system.logOf('worker')}`,
        { cause: error },
      );
    }
  };

  async function connect(provider: AppProvider, flow: OAuthFlow, account = 'new'): Promise<string> {
    const { id, authorizationUrl } = await begin(provider, flow);
    const { redirectUrl } = await controlOf(provider).approve(await browser.open(authorizationUrl), account);
    await comeBack(redirectUrl);
    await reaches(id, 'active');
    // Its state and its code are spent.
    await comeBack(redirectUrl);
    return id;
  }

  async function attemptThatFails(
    provider: AppProvider,
    flow: OAuthFlow,
    answer: { readonly status: number; readonly html: boolean; readonly times: number },
  ): Promise<void> {
    const { id, authorizationUrl } = await begin(provider, flow);
    const { redirectUrl } = await controlOf(provider).approve(await browser.open(authorizationUrl), 'new');
    taps[provider].echo(answer);
    await comeBack(redirectUrl);
    await until(async () => (await system.api.connection(venueId, id)).state !== 'connecting', {
      limitMs: 110_000,
      what: 'the attempt has ended',
      everyMs: 200,
    });
  }

  /** Events about any account: genuine, forged, and of an ignored type. */
  async function webhooks(): Promise<void> {
    const stripeEvent = JSON.stringify({
      type: 'account.application.deauthorized',
      account: 'acct_nobody',
      livemode: false,
      data: { object: { name: IN_AN_EVENT } },
    });
    const squareEvent = JSON.stringify({
      type: 'customer.created',
      merchant_id: 'M1',
      data: { object: { customer: { email_address: IN_AN_EVENT } } },
    });
    const [forStripe, forSquare] = [sandbox.stripe.webhookSecret, sandbox.square.webhookSecret];
    const stripeSignature = Stripe.webhooks.generateTestHeaderString({ payload: stripeEvent, secret: forStripe });
    const squareSignature = createHmac('sha256', forSquare)
      .update(`${system.apiUrl}/webhooks/square${squareEvent}`)
      .digest('base64');
    const deliver = async (provider: string, body: string, headers: Readonly<Record<string, string>>) => {
      const response = await fetch(`${system.apiUrl}/webhooks/${provider}`, { method: 'POST', body, headers });
      answers.push(await response.text());
      return response.status;
    };
    expect(await deliver('stripe', stripeEvent, { 'stripe-signature': stripeSignature })).toBe(200);
    expect(await deliver('square', squareEvent, { 'x-square-hmacsha256-signature': squareSignature })).toBe(200);
    expect(await deliver('stripe', squareEvent, { 'stripe-signature': stripeSignature })).toBe(401);
    expect(await deliver('square', stripeEvent, { 'x-square-hmacsha256-signature': squareSignature })).toBe(401);
    webhookSecrets.push(
      ...[forStripe, forSquare].map((value) => ({ kind: 'webhook secret', value })),
      { kind: 'webhook signature', value: squareSignature },
      { kind: 'webhook signature', value: stripeSignature.split('v1=')[1] ?? '' },
      { kind: 'event', value: IN_AN_EVENT },
    );
  }

  /** Returns a connection that has been through most of it. */
  async function liveThroughEverything(): Promise<string> {
    const stripe = stripeSandboxOf(sandbox.stripe);
    const [owner, keyed] = [await stripe.addAccount(), await stripe.addAccount()];
    await owner.seed(20);
    await system.api.load(
      venueId,
      Array.from({ length: 10 }, (_, index) => aCustomer(index)),
    );

    const byKey = (await system.api.connect(venueId, keyed.secretKey)).id;
    await system.api.sync(venueId, { connectionId: byKey, direction: 'push' });
    await post('/connections', { provider: 'stripe', environment: 'sandbox', credentials: { secretKey: WRONG_KEY } });
    await keyed.fault({ kind: 'revoke' });
    const parked = await system.api.start(venueId, { connectionId: byKey, direction: 'pull' });
    await reaches(byKey, 'needs-reauth');

    const id = await connect('stripe', 'connect', owner.id);
    await system.api.sync(venueId, { connectionId: id, direction: 'pull' });
    const renewed = await Promise.all([
      connect('stripe', 'app'),
      connect('square', 'code'),
      connect('square', 'pkce'),
      connect('quickbooks', 'code'),
      connect('mailchimp', 'code'),
      connect('xero', 'code'),
    ]);

    // All access tokens have expired, so that the next use refreshes them.
    for (const provider of ['square', 'quickbooks'] as const)
      for (const { id: account } of await controlOf(provider).accounts()) await controlOf(provider).expire(account);
    for (const one of renewed) await post(`/connections/${one}/test`, {});

    const denied = await begin('square', 'code');
    await comeBack((await controlOf('square').deny(await browser.open(denied.authorizationUrl))).redirectUrl);
    await comeBack(`https://x.test/oauth/square/callback?state=forged&code=forged`);
    // Failing servers that quote everything they received.
    await attemptThatFails('square', 'code', { status: 401, html: false, times: 1 });
    await attemptThatFails('quickbooks', 'code', { status: 400, html: false, times: 1 });
    await attemptThatFails('mailchimp', 'code', { status: 500, html: true, times: 2 });
    await attemptThatFails('stripe', 'connect', { status: 500, html: true, times: 1 });

    await webhooks();
    taps.square.echo({ status: 500, html: true, times: 1 });
    await system.api.cancel(venueId, parked.id);
    for (const one of [renewed[1], byKey]) {
      const response = await system
        .as({ role: 'admin', venues: '*' })
        .then((admin) => admin.tryDelete(`/v1/venues/${venueId}/connections/${one}`));
      answers.push(JSON.stringify(response.body));
      await reaches(one, 'disconnected');
    }
    answers.push(
      await (
        await fetch(`${system.apiUrl}/v1/venues/${venueId}/connections`, { headers: { 'x-request-id': requestId } })
      ).text(),
    );
    for (const path of [
      '/metrics',
      '/v1/openapi.json',
      `/v1/venues/${venueId}/connections`,
      `/v1/venues/${venueId}/reauthorizations`,
      `/v1/venues/${venueId}/audit`,
    ])
      answers.push(JSON.stringify(await system.api.ask(path).catch(() => null)));
    return id;
  }

  async function readEverything(): Promise<readonly Source[]> {
    return [
      ...(await sources.tables(system.database)),
      ...(await sources.workflows(system.temporal)),
      sources.log('api', system.logFileOf('api')),
      sources.log('worker', system.logFileOf('worker')),
      { name: 'answers of the API', text: answers.join('\n') },
    ];
  }

  it('was recorded on the wire: keys, codes, verifiers, tokens, the apps’ own secrets, the key service’s plaintext', () => {
    const kinds = new Set(secrets.map(({ kind }) => kind.toLowerCase().replaceAll('_', '')));
    for (const kind of [
      'bearer credential',
      'code',
      'codeverifier',
      'clientsecret',
      'client secret',
      'accesstoken',
      'refreshtoken',
      'plaintext',
      'state',
      'aws secret',
      'webhook secret',
      'webhook signature',
      'event',
      'token quoted by a fault',
    ])
      expect(kinds, kind).toContain(kind);
    expect(secrets.length).toBeGreaterThan(50);
  });

  it('appears in no table but the inbox for an event’s body, and in no history, memo, search attribute, schedule, log of any level, or answer, in any spelling', () => {
    // The inbox keeps the bodies of events as they were received, and no other table, log or history has any of them.
    expect(find(secrets, everything)).toEqual(['event in table webhook_events']);
  });

  it('would be found in each of these places: a permitted id is found in all', () => {
    const found = find(
      [
        { kind: 'id', value: connectionId },
        { kind: 'id', value: requestId },
      ],
      everything,
    ).map((line) => line.replace('id in ', ''));
    for (const name of [
      'table connections',
      'table audit_log',
      'table sync_runs',
      'history of authorizeConnection',
      'description of authorizeConnection',
      'history of keepConnectionFresh',
      'history of syncConnection',
      'log of api',
      'log of worker',
      'answers of the API',
      'schedule',
    ]) {
      expect(found, name).toContain(name);
    }
  });

  it('would be found as raw bytes of a column, inside base64, and in hex', async () => {
    const planted = `planted_${randomBytes(16).toString('hex')}`;
    for (const offset of [0, 1, 2])
      expect(
        find(
          [{ kind: 'it', value: planted }],
          [
            {
              name: 'base64',
              text: Buffer.from(`${'x'.repeat(offset)}${planted}${'y'.repeat(5 - offset)}`).toString('base64'),
            },
          ],
        ),
      ).toEqual(['it in base64']);
    expect(spellingsOf('a/b+c"d')).toEqual(expect.arrayContaining(['a%2Fb%2Bc%22d', 'a/b+c\\"d']));
    await system.database`update oauth_tokens set sealed_tokens = ${Buffer.from(planted)} where connection_id = ${connectionId}`;
    expect(find([{ kind: 'it', value: planted }], await sources.tables(system.database))).toEqual([
      'it in table oauth_tokens',
    ]);
  });

  it('was searched in logs written at the most verbose level', () => {
    const levels = everything
      .filter(({ name }) => name.startsWith('log of'))
      .map(({ text }) => new Set([...text.matchAll(/"level":"(\w+)"/g)].map(([, level]) => level)));
    for (const written of levels) expect([...written]).toEqual(expect.arrayContaining(['info']));
    expect(levels.some((written) => written.has('debug') || written.has('trace'))).toBe(true);
  });
});

/** Providers and key service are called through a wiretap. */
function environmentOf(
  { stripe, square, quickbooks, mailchimp, xero }: RunningOAuthSandbox,
  taps: Taps,
  keyArn: string,
): Readonly<Record<string, string>> {
  return {
    LOG_LEVEL: 'trace',
    MOCK_KMS: 'false',
    AWS_KMS_KEY_ID: keyArn,
    AWS_KMS_ENDPOINT: taps.kms.url,
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: AWS_SECRET,
    STRIPE_API_URL: taps.stripe.url,
    STRIPE_CONNECT_URL: taps.stripe.url,
    STRIPE_MARKETPLACE_URL: `${taps.stripe.url}/oauth/v2/authorize`,
    STRIPE_CLIENT_ID: stripe.connectClientId,
    STRIPE_APP_CLIENT_ID: stripe.appClientId,
    STRIPE_SECRET_KEY: stripe.platformKey,
    STRIPE_WEBHOOK_SECRET: stripe.webhookSecret,
    SQUARE_WEBHOOK_SIGNATURE_KEY: square.webhookSecret,
    SQUARE_API_URL: taps.square.url,
    SQUARE_APP_ID: square.clientId,
    SQUARE_APP_SECRET: square.clientSecret,
    SQUARE_SANDBOX: 'true',
    QUICKBOOKS_API_URL: taps.quickbooks.url,
    QUICKBOOKS_AUTHORIZE_URL: `${taps.quickbooks.url}/connect/oauth2`,
    QUICKBOOKS_TOKEN_URL: `${taps.quickbooks.url}/oauth2/v1/tokens/bearer`,
    QUICKBOOKS_REVOKE_URL: `${taps.quickbooks.url}/v2/oauth2/tokens/revoke`,
    QUICKBOOKS_CLIENT_ID: quickbooks.clientId,
    QUICKBOOKS_CLIENT_SECRET: quickbooks.clientSecret,
    QUICKBOOKS_SANDBOX: 'true',
    MAILCHIMP_LOGIN_URL: taps.mailchimp.url,
    MAILCHIMP_API_URL: taps.mailchimp.url,
    MAILCHIMP_CLIENT_ID: mailchimp.clientId,
    MAILCHIMP_CLIENT_SECRET: mailchimp.clientSecret,
    XERO_API_URL: taps.xero.url,
    XERO_AUTHORIZE_URL: `${taps.xero.url}/identity/connect/authorize`,
    XERO_TOKEN_URL: `${taps.xero.url}/connect/token`,
    XERO_CLIENT_ID: xero.clientId,
    XERO_CLIENT_SECRET: xero.clientSecret,
  };
}
