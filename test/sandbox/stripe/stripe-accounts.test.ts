import { describe, expect, it } from 'vitest';
import { aSandbox, clientOf, stripeError } from '../support.ts';
import type { SandboxAccount } from '../support.ts';

describe('the stand-in Stripe', () => {
  it('answers an unknown key, a missing key and an expired key with a different 401 each', async () => {
    const { apiUrl, control, raw } = await aSandbox();
    const [account] = await control.accounts();
    const stranger = await stripeError(
      clientOf({ apiUrl, secretKey: 'sk_test_strangerstranger1234' }).customers.list(),
    );
    expect(stranger).toMatchObject({
      type: 'StripeAuthenticationError',
      statusCode: 401,
      message: 'Invalid API Key provided: sk_test_****************1234',
    });
    expect(
      await stripeError(clientOf({ apiUrl, secretKey: account?.expiredKey ?? '' }).customers.list()),
    ).toMatchObject({ statusCode: 401, code: 'api_key_expired' });
    expect((await raw('GET', '/v1/customers', { headers: { authorization: '' } })).status).toBe(401);
  });

  it('lets a restricted key read its account and nothing else', async () => {
    const { apiUrl, control } = await aSandbox();
    const [account] = await control.accounts();
    const restricted = clientOf({ apiUrl, secretKey: account?.restrictedKey ?? '' });
    expect(await restricted.accounts.retrieveCurrent()).toMatchObject({ id: account?.id });
    expect(await stripeError(restricted.customers.list())).toMatchObject({
      type: 'StripePermissionError',
      statusCode: 403,
    });
    expect(await stripeError(restricted.customers.create())).toMatchObject({
      statusCode: 403,
      message: expect.stringContaining('rak_customer_write') as string,
    });
  });

  it('accepts Basic as well as Bearer, and rejects another account’s id in Stripe-Account', async () => {
    const { raw, secretKey } = await aSandbox();
    const basic = `Basic ${Buffer.from(`${secretKey}:`).toString('base64')}`;
    expect((await raw('GET', '/v1/account', { headers: { authorization: basic } })).status).toBe(200);
    expect((await raw('GET', '/v1/account', { headers: { 'stripe-account': 'acct_other' } })).status).toBe(403);
  });
});

describe('two accounts', () => {
  it('share no customers, events or idempotency keys', async () => {
    const sandbox = await aSandbox();
    const other = await sandbox.control.call<SandboxAccount>('POST', '/accounts', { name: 'Second venue' });
    const second = clientOf({ apiUrl: sandbox.apiUrl, secretKey: other.secretKey });
    const mine = await sandbox.stripe.customers.create({ name: 'Mine' }, { idempotencyKey: 'k1' });
    const theirs = await second.customers.create({ name: 'Theirs' }, { idempotencyKey: 'k1' });
    expect(theirs.id).not.toBe(mine.id);
    expect((await second.customers.list()).data).toMatchObject([{ name: 'Theirs' }]);
    expect((await second.events.list()).data).toHaveLength(1);
    expect(await stripeError(second.customers.retrieve(mine.id))).toMatchObject({ statusCode: 404 });
    expect(await second.accounts.retrieveCurrent()).toMatchObject({
      id: other.id,
      business_profile: { name: 'Second venue' },
      settings: { dashboard: { display_name: 'Second venue' } },
    });
    expect(await sandbox.control.customers(`?account=${other.id}`)).toMatchObject([{ name: 'Theirs' }]);
  });

  it('have separate limits, and a 429 does not count', async () => {
    const sandbox = await aSandbox();
    const other = await sandbox.control.call<SandboxAccount>('POST', '/accounts', {});
    await sandbox.control.limits({ requestsPerSecond: 0.001, burst: 2 });
    await sandbox.stripe.customers.list();
    await sandbox.stripe.customers.list();
    expect(await stripeError(sandbox.stripe.customers.list())).toMatchObject({
      type: 'StripeRateLimitError',
      statusCode: 429,
      code: 'rate_limit',
      headers: { 'stripe-rate-limited-reason': 'global-rate' },
    });
    await clientOf({ apiUrl: sandbox.apiUrl, secretKey: other.secretKey }).customers.list();
  });

  it('have a limit per endpoint on request', async () => {
    const { stripe, control } = await aSandbox();
    await control.limits({ endpointRequestsPerSecond: 0.001 });
    await stripe.customers.list();
    expect(await stripeError(stripe.customers.list())).toMatchObject({
      statusCode: 429,
      headers: { 'stripe-rate-limited-reason': 'endpoint-rate' },
    });
    await stripe.accounts.retrieveCurrent();
  });
});

describe('limits', () => {
  it('admit 100 requests per second by default', async () => {
    const { stripe, control } = await aSandbox({ limits: {} });
    expect(await control.call('GET', '/limits')).toMatchObject({
      requestsPerSecond: 100,
      endpointRequestsPerSecond: 0,
    });
    const startedAt = performance.now();
    const answers = await Promise.allSettled(Array.from({ length: 150 }, () => stripe.accounts.retrieveCurrent()));
    const tookS = (performance.now() - startedAt) / 1_000;
    const served = answers.filter(({ status }) => status === 'fulfilled').length;
    expect(served).toBeGreaterThanOrEqual(100);
    // A busy machine takes so long to send them that more are allowed.
    expect(served).toBeLessThanOrEqual(100 + Math.ceil(tookS * 100));
  });

  it('add latency to every answer', async () => {
    const { stripe, control } = await aSandbox();
    await control.limits({ latencyMs: 300 });
    const startedAt = performance.now();
    await Promise.all([stripe.customers.list(), stripe.customers.list()]);
    expect(performance.now() - startedAt).toBeGreaterThan(295);
    // They wait side by side.
    const [one, other] = await control.calls();
    expect(other!.at).toBeLessThan(one!.answeredAt);
  });
});
