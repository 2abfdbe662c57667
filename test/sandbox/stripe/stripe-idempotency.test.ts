import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('an idempotency key', () => {
  it('repeats the first answer and writes once', async () => {
    const { stripe, control, raw } = await aSandbox();
    const first = await stripe.customers.create(
      { name: 'Ana', metadata: { a: '1', b: '2' } },
      { idempotencyKey: 'k1' },
    );
    // The same parameters in another order and encoding.
    const second = await raw('POST', '/v1/customers', {
      body: 'metadata%5Bb%5D=2&metadata[a]=1&name=Ana',
      headers: { 'idempotency-key': 'k1' },
    });
    expect(second.json()).toEqual(first);
    expect(second.status).toBe(200);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
    expect(second.headers.get('idempotency-key')).toBe('k1');
    expect(second.headers.get('original-request')).toBe(first.lastResponse.requestId);
    expect(second.headers.get('request-id')).not.toBe(first.lastResponse.requestId);
    expect(await control.customers()).toHaveLength(1);
    expect(await control.calls()).toMatchObject([
      { idempotencyKey: 'k1', written: true },
      { idempotencyKey: 'k1', written: false, status: 200 },
    ]);
  });

  it('rejects other parameters and another path', async () => {
    const { stripe, control } = await aSandbox();
    const { id } = await stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    for (const attempt of [
      stripe.customers.create({ name: 'Ben' }, { idempotencyKey: 'k1' }),
      stripe.customers.update(id, { name: 'Ana' }, { idempotencyKey: 'k1' }),
    ]) {
      expect(await stripeError(attempt)).toMatchObject({
        type: 'StripeIdempotencyError',
        rawType: 'idempotency_error',
        statusCode: 400,
      });
    }
    expect(await control.customers()).toMatchObject([{ name: 'Ana' }]);
  });

  it('answers 409 to a duplicate while the first request runs, and the first answer afterwards', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'slow', delayMs: 2_000, times: 1 });
    const create = () => stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    const answers = await Promise.allSettled([create(), create()]);
    // Either may arrive first.
    const [first, duplicate] = answers.toSorted((one, other) => one.status.localeCompare(other.status));
    expect(duplicate).toMatchObject({
      status: 'rejected',
      reason: { statusCode: 409, code: 'idempotency_key_in_use' },
    });
    expect(first).toMatchObject({ status: 'fulfilled', value: { id: (await create()).id } });
    expect(await control.customers()).toHaveLength(1);
  });

  it('repeats a stored 500 although the customer was written', async () => {
    const { stripe, control } = await aSandbox();
    await control.fault({ kind: 'commit-then-fail', status: 500, times: 1 });
    const create = () => stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' });
    const first = await stripeError(create());
    const second = await stripeError(create());
    expect(first).toMatchObject({ statusCode: 500, rawType: 'api_error' });
    expect(second).toMatchObject({
      statusCode: 500,
      headers: { 'idempotent-replayed': 'true', 'stripe-should-retry': 'false', 'original-request': first.requestId },
    });
    expect(await control.customers()).toHaveLength(1);
    expect((await control.calls()).map(({ written }) => written)).toEqual([true, false]);
  });

  it('stays free after a refusal before execution', async () => {
    const { stripe } = await aSandbox();
    await stripeError(stripe.customers.create({ email: 'bad' }, { idempotencyKey: 'k1' }));
    expect(await stripe.customers.create({ email: 'good@example.com' }, { idempotencyKey: 'k1' })).toMatchObject({
      email: 'good@example.com',
    });
  });

  it('expires after 24 hours and not before', async () => {
    const { stripe, control } = await aSandbox();
    const create = async () => (await stripe.customers.create({ name: 'Ana' }, { idempotencyKey: 'k1' })).id;
    const first = await create();
    await control.clock({ offsetMs: 24 * 3_600_000 - 60_000 });
    expect(await create()).toBe(first);
    await control.clock({ offsetMs: 24 * 3_600_000 + 60_000 });
    expect(await create()).not.toBe(first);
  });

  it('has no effect on a delete', async () => {
    const { raw, stripe } = await aSandbox();
    const { id } = await stripe.customers.create();
    const headers = { 'idempotency-key': 'k1' };
    expect((await raw('DELETE', `/v1/customers/${id}`, { headers })).status).toBe(200);
    expect((await raw('DELETE', `/v1/customers/${id}`, { headers })).status).toBe(404);
  });

  it('may not exceed 255 characters', async () => {
    const { stripe } = await aSandbox();
    expect(await stripeError(stripe.customers.create({}, { idempotencyKey: 'k'.repeat(256) }))).toMatchObject({
      statusCode: 400,
    });
  });
});
