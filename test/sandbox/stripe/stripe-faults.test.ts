import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('an injected fault', () => {
  it('of kind status refuses requests before they run and stores nothing under the key', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ match: { method: 'POST' }, kind: 'status', status: 429, times: 2, retryAfter: 3 });
    const create = () => stripe.customers.create({}, { idempotencyKey: 'k1' });
    expect(await stripeError(create())).toMatchObject({
      type: 'StripeRateLimitError',
      code: 'rate_limit',
      headers: { 'retry-after': '3' },
    });
    expect(await stripeError(create())).toMatchObject({ statusCode: 429 });
    expect((await stripe.customers.list()).data).toEqual([]);
    expect((await create()).id).toMatch(/^cus_/);
  });

  it('of kind status with stored makes the key repeat the failure and writes nothing', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'status', status: 500, stored: true, times: 1 });
    const create = () => stripe.customers.create({}, { idempotencyKey: 'k1' });
    expect((await stripeError(create())).statusCode).toBe(500);
    expect((await stripeError(create())).statusCode).toBe(500);
    expect(await control.customers()).toEqual([]);
  });

  it('of kind status with an empty body resolves as success in the SDK, which is why callers check the status', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'status', status: 500, body: 'empty' });
    const resolved = await stripe.customers.create();
    expect(resolved).toEqual({});
    expect(resolved.lastResponse.statusCode).toBe(500);
  });

  it('of kind status with an HTML page becomes an SDK error without a status', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'status', status: 502, body: 'html' });
    expect(await stripeError(stripe.customers.create())).toMatchObject({
      type: 'StripeAPIError',
      statusCode: undefined,
    });
  });

  it('of kind slow delays the answer', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'slow', delayMs: 200, times: 1 });
    const startedAt = performance.now();
    await stripe.customers.create();
    expect(performance.now() - startedAt).toBeGreaterThan(190);
  });

  it('of kind reset cuts the connection before any write, and the SDK retries once by itself', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'reset' });
    expect(await stripeError(stripe.customers.create())).toMatchObject({ type: 'StripeConnectionError' });
    expect(await control.calls()).toMatchObject([
      { status: 0, written: false },
      { status: 0, written: false },
    ]);
    expect(await control.customers()).toEqual([]);
  });

  it('of kind truncate cuts the answer in half after the write', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'truncate', times: 1 });
    const create = () => stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    expect(await stripeError(create())).toMatchObject({ type: 'StripeConnectionError' });
    expect(await create()).toMatchObject({ name: 'Ana' });
    expect(await control.customers()).toHaveLength(1);
  });

  it('of kind commit-then-fail without a status writes, cuts the connection, and lets the key replay the success', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'commit-then-fail', times: 2 });
    const create = () => stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    expect(await stripeError(create())).toMatchObject({ type: 'StripeConnectionError' });
    const repeated = await create();
    expect(repeated.lastResponse.headers['idempotent-replayed']).toBe('true');
    expect(await control.customers()).toMatchObject([{ id: repeated.id }]);
    expect((await control.calls()).map(({ written }) => written)).toEqual([true, false, false]);
  });

  it('of kind revoke refuses the key everywhere from the nth request until the faults are deleted', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ match: { path: '/v1/customers', nth: 3 }, kind: 'revoke' });
    await stripe.customers.list();
    await stripe.customers.list();
    expect(await stripeError(stripe.customers.list())).toMatchObject({
      type: 'StripeAuthenticationError',
      statusCode: 401,
    });
    expect(await stripeError(stripe.accounts.retrieveCurrent())).toMatchObject({ statusCode: 401 });
    await control.clearFaults();
    await stripe.customers.list();
  });

  it.each([
    ['a prefix', '/v1/customers/cus_', [200, 500]],
    ['a whole path as a pattern', '/v1/customers', [500, 500]],
    ['an anchored pattern', '^/v1/customers$', [500, 200]],
    ['a pattern in the middle', '/v1/.*/cus_\\w+', [200, 500]],
  ])('matches a path by %s', async (_case, path, expected) => {
    const { raw, control } = await aSandbox();
    await control.seed({ records: [{ id: 'cus_1' }] });
    await control.fault({ match: { path }, kind: 'status', status: 500 });
    expect([(await raw('GET', '/v1/customers')).status, (await raw('GET', '/v1/customers/cus_1')).status]).toEqual(
      expected,
    );
  });

  it('strikes only the nth request, or with times also the following ones', async () => {
    const { raw, control } = await aSandbox();
    const statuses = async (count: number) => {
      const seen: number[] = [];
      for (let index = 0; index < count; index++) seen.push((await raw('GET', '/v1/customers')).status);
      return seen;
    };
    await control.fault({ match: { nth: 2 }, kind: 'status', status: 503 });
    expect(await statuses(4)).toEqual([200, 503, 200, 200]);
    await control.clearFaults();
    await control.fault({ match: { nth: 2 }, kind: 'status', status: 503, times: 2 });
    expect(await statuses(5)).toEqual([200, 503, 503, 200, 200]);
  });

  it('strikes the same requests again with the same seed', async () => {
    const { raw, control } = await aSandbox();
    const run = async () => {
      await control.clearFaults();
      await control.fault({ match: { probability: 0.4, seed: 7 }, kind: 'status', status: 500 });
      const seen: number[] = [];
      for (let index = 0; index < 40; index++) seen.push((await raw('GET', '/v1/customers?limit=1')).status);
      return seen;
    };
    const first = await run();
    expect(await run()).toEqual(first);
    expect(new Set(first)).toEqual(new Set([200, 500]));
  });
});

describe('an injected provider oddity', () => {
  it('answers 429 with Stripe’s reason, another reason, or no hint', async () => {
    const { raw, control } = await aSandbox();
    const hints = async (fault: object) => {
      await control.fault({ kind: 'status', status: 429, times: 1, ...fault });
      const { status, headers } = await raw('GET', '/v1/products');
      return [status, headers.get('stripe-rate-limited-reason'), headers.get('retry-after')];
    };
    expect(await hints({})).toEqual([429, 'global-rate', null]);
    expect(await hints({ rateLimitedReason: 'endpoint-concurrency', retryAfter: 2 })).toEqual([
      429,
      'endpoint-concurrency',
      '2',
    ]);
    expect(await hints({ rateLimitedReason: null })).toEqual([429, null, null]);
  });

  it('answers an HTML page with a success status by default and writes nothing', async () => {
    const { raw, control } = await aSandbox();
    await control.fault({ kind: 'html', times: 1 });
    await control.fault({ kind: 'html', status: 503, times: 1 });
    for (const status of [200, 503]) {
      const answer = await raw('POST', '/v1/products', { body: 'name=Chai' });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([status, 'text/html']);
      expect(answer.text).toMatch(/^<!DOCTYPE html>/);
    }
    expect(await control.state('products')).toEqual([]);
  });

  it('answers 500 before or after the commit, leaves no payment or one, and lets the key repeat the failure', async () => {
    const { stripe, control } = await aSandbox();
    const payWith = (idempotencyKey: string) =>
      stripe.paymentIntents.create(
        { amount: 100, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' },
        { idempotencyKey },
      );
    await control.fault({ kind: 'status', status: 500, times: 1 });
    expect((await stripeError(payWith('k1'))).statusCode).toBe(500);
    expect(await control.state('charges')).toEqual([]);
    await control.fault({ kind: 'commit-then-fail', status: 500, times: 1 });
    expect((await stripeError(payWith('k2'))).statusCode).toBe(500);
    expect((await stripeError(payWith('k2'))).statusCode).toBe(500);
    expect(await control.state('charges')).toHaveLength(1);
  });

  it.each([-600_000, 600_000])(
    'shows Stripe’s time in new objects with a clock that is %i ms off',
    async (offsetMs) => {
      const { stripe, control } = await aSandbox();
      await control.clock({ offsetMs });
      const { created, updated } = await stripe.products.create({ name: 'Chai' });
      const [event] = (await stripe.events.list()).data;
      for (const time of [created, updated, event!.created])
        expect(Math.abs(time - (Date.now() + offsetMs) / 1_000)).toBeLessThan(5);
    },
  );

  it.each([[{ kind: 'status', status: 200 }], [{ kind: 'page-forget' }]])(
    'is rejected when it is %j',
    async (fault) => {
      const { controlUrl } = await aSandbox();
      expect((await fetch(`${controlUrl}/faults`, { method: 'POST', body: JSON.stringify(fault) })).status).toBe(400);
    },
  );
});
