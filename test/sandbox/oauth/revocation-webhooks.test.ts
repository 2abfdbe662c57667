import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebhooksHelper } from 'square';
import { Stripe } from 'stripe';
import { describe, expect, it } from 'vitest';
import type { OAuthSandboxOptions } from '../../../sandbox/oauth/oauth-sandbox.ts';
import { startSquareSandbox } from '../../../sandbox/square/square-sandbox.ts';
import { startStripeSandbox } from '../../../sandbox/stripe/stripe-sandbox.ts';
import { oauthControl } from '../../support/sandbox/sandbox-oauth.ts';
import { CALLBACK, codeFor, urlOf } from './oauth-support.ts';
import { later } from '../../support/later.ts';

type Provider = 'stripe' | 'square';

interface Received {
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** A receiver that answers with the given statuses in order, then with 200. */
async function aReceiver(...statuses: readonly number[]) {
  const received: Received[] = [];
  const server = createServer((req, res) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of req) chunks.push(chunk as Buffer);
      received.push({ body: Buffer.concat(chunks).toString(), headers: req.headers });
      res.writeHead(statuses[received.length - 1] ?? 200).end();
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  later(() => {
    server.close();
  });
  return { received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks` };
}

/** A stand-in with one approved account, and the call with which our app ends its access. */
async function anApproved(provider: Provider, options: OAuthSandboxOptions = {}) {
  const sandbox = provider === 'stripe' ? await startStripeSandbox(options) : await startSquareSandbox(options);
  later(() => sandbox.close());
  const control = oauthControl(sandbox.controlUrl);
  const account = (await control.addAccount()).id;
  const form = (url: string, body: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>>) =>
    fetch(`${sandbox.apiUrl}${url}`, { method: 'POST', body: new URLSearchParams(body), headers });
  const json = (url: string, body: object, headers: Readonly<Record<string, string>> = {}) =>
    fetch(`${sandbox.apiUrl}${url}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
  let giveBack: () => Promise<Response>;
  if ('platformKey' in sandbox) {
    const { connectClientId, platformKey } = sandbox;
    const authorization = `Bearer ${platformKey}`;
    const code = await codeFor(
      { control },
      urlOf(`${sandbox.connectUrl}/oauth/authorize`, {
        response_type: 'code',
        client_id: connectClientId,
        redirect_uri: CALLBACK,
      }),
      account,
    );
    await form('/oauth/token', { grant_type: 'authorization_code', code }, { authorization });
    giveBack = () =>
      form('/oauth/deauthorize', { client_id: connectClientId, stripe_user_id: account }, { authorization });
  } else {
    const { clientId, clientSecret } = sandbox;
    const code = await codeFor(
      { control },
      urlOf(`${sandbox.apiUrl}/oauth2/authorize`, {
        client_id: clientId,
        session: 'false',
        scope: 'ITEMS_READ',
        redirect_uri: CALLBACK,
      }),
      account,
    );
    await json('/oauth2/token', {
      client_id: clientId,
      client_secret: clientSecret,
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
    });
    giveBack = () =>
      json(
        '/oauth2/revoke',
        { client_id: clientId, merchant_id: account },
        { authorization: `Client ${clientSecret}` },
      );
  }
  return { sandbox, control, account, giveBack };
}

/** Verifies the webhook with the provider's own SDK. */
async function verified(
  provider: Provider,
  { body, headers }: Received,
  { secret, url }: { readonly secret: string; readonly url: string },
): Promise<Record<string, unknown>> {
  if (provider === 'stripe')
    return Stripe.webhooks.constructEvent(body, String(headers['stripe-signature']), secret) as unknown as Record<
      string,
      unknown
    >;
  const genuine = await WebhooksHelper.verifySignature({
    requestBody: body,
    signatureHeader: String(headers['x-square-hmacsha256-signature']),
    signatureKey: secret,
    notificationUrl: url,
  });
  if (!genuine) throw new Error('Square’s helper refuses it');
  return JSON.parse(body) as Record<string, unknown>;
}

describe.each(['stripe', 'square'] as const)('a revocation webhook of %s', (provider) => {
  const revoked = (account: string, by: 'MERCHANT' | 'APPLICATION') =>
    provider === 'stripe'
      ? {
          type: 'account.application.deauthorized',
          account,
          livemode: false,
          data: { object: { object: 'application' } },
        }
      : {
          type: 'oauth.authorization.revoked',
          merchant_id: account,
          data: { object: { revocation: { revoker_type: by } } },
        };

  it('reaches the registered URL when the account owner or the app ends access, and verifies with the provider’s SDK', async () => {
    const receiver = await aReceiver();
    for (const by of ['MERCHANT', 'APPLICATION'] as const) {
      const { sandbox, control, account, giveBack } = await anApproved(provider, { webhookUrl: receiver.url });
      if (by === 'MERCHANT') await control.revoke(account);
      else expect((await giveBack()).status).toBe(200);
      await expect.poll(() => receiver.received.length).toBe(1);
      expect(
        await verified(provider, receiver.received.shift()!, { secret: sandbox.webhookSecret, url: receiver.url }),
      ).toMatchObject(revoked(account, by));
    }
  });

  it('is repeated with the same payload until a receiver accepts it', async () => {
    const receiver = await aReceiver(503, 401);
    const { control, account } = await anApproved(provider);
    await control.send('POST', '/webhooks', { url: receiver.url });
    await control.revoke(account);
    await expect.poll(() => receiver.received.length).toBe(3);
    expect(new Set(receiver.received.map(({ body }) => body)).size).toBe(1);
    await expect
      .poll(async () => (await control.send<{ readonly data: readonly object[] }>('GET', '/webhooks')).data)
      .toMatchObject([
        { account, attempt: 1, status: 503 },
        { account, attempt: 2, status: 401 },
        { account, attempt: 3, status: 200 },
      ]);
  });

  it('is not sent without a registered URL, and never sent twice', async () => {
    const receiver = await aReceiver();
    const { control, account } = await anApproved(provider, { webhookUrl: receiver.url });
    await control.send('POST', '/webhooks', { url: null });
    await control.revoke(account);
    await control.send('POST', '/webhooks', { url: receiver.url });
    expect(await control.revoke(account)).toEqual({ ended: 0 });
    expect(await control.send('GET', '/webhooks')).toEqual({ url: receiver.url, data: [] });
  });
});

describe('a webhook requested through the control API', () => {
  it('verifies with Square’s own helper unless it is forged', async () => {
    const receiver = await aReceiver();
    const { sandbox, control, account } = await anApproved('square');
    const check = () =>
      verified('square', receiver.received.shift()!, { secret: sandbox.webhookSecret, url: receiver.url });
    await control.send('POST', '/emit', { url: receiver.url, account });
    expect(await check()).toMatchObject({ type: 'oauth.authorization.revoked', merchant_id: account });
    await control.send('POST', '/emit', { url: receiver.url, event: { type: 'payment.created' } });
    expect(await check()).toEqual({ type: 'payment.created' });
    for (const signature of ['wrong', 'absent']) {
      await control.send('POST', '/emit', { url: receiver.url, account, signature });
      await expect(check()).rejects.toThrow('refuses');
    }
  });

  it('names the account for Stripe’s platform and is signed with the platform’s secret', async () => {
    const receiver = await aReceiver();
    const { sandbox, control, account } = await anApproved('stripe');
    await control.send('POST', '/emit', {
      url: receiver.url,
      account,
      connect: true,
      type: 'account.application.deauthorized',
      object: { id: 'ca_1', object: 'application' },
    });
    expect(
      await verified('stripe', receiver.received.shift()!, { secret: sandbox.webhookSecret, url: receiver.url }),
    ).toMatchObject({ account, type: 'account.application.deauthorized' });
  });
});
