import { describe, expect, it } from 'vitest';
import { aSandbox } from '../support.ts';

describe('the control API', () => {
  it.each([
    ['POST', '/seed', { resource: 'customers' }, 400],
    ['POST', '/seed', { resource: 'customers', count: 1, records: [{}] }, 400],
    ['POST', '/seed', { resource: 'coupons', count: 1 }, 400],
    ['POST', '/seed', { resource: 'customers', records: [{ nickname: 'x' }] }, 400],
    ['POST', '/seed', { resource: 'customers', records: [{ id: 'cus_1' }, { id: 'cus_1' }] }, 409],
    ['POST', '/faults', { kind: 'explode' }, 400],
    ['POST', '/faults', { kind: 'slow', match: { path: '(' } }, 400],
    ['POST', '/limits', { requestsPerSecond: -1 }, 400],
    ['POST', '/clock', { now: 'yesterday' }, 400],
    ['POST', '/emit', { url: 'file:///etc/passwd', type: 'x', object: {} }, 400],
    ['POST', '/reset', { account: 'acct_nobody' }, 404],
    ['GET', '/state/coupons', undefined, 404],
    ['GET', '/calls?until=5', undefined, 400],
    ['GET', '/nothing', undefined, 404],
    ['DELETE', '/seed', undefined, 405],
  ])('answers %s %s with body %j with status %i', async (method, path, body, expected) => {
    const { controlUrl, control } = await aSandbox();
    const response = await fetch(controlUrl + path, { method, ...(body && { body: JSON.stringify(body) }) });
    expect(response.status).toBe(expected);
    expect(await response.json()).toMatchObject({
      error: { code: expect.any(String) as string, message: expect.any(String) as string },
    });
    expect(await control.customers()).toEqual([]);
  });

  it('names every invalid field at once', async () => {
    const { controlUrl } = await aSandbox();
    const response = await fetch(`${controlUrl}/faults`, {
      method: 'POST',
      body: JSON.stringify({ kind: 'x', times: 0, match: { nth: 'two' } }),
    });
    const { error } = (await response.json()) as { error: { errors: { path: string }[] } };
    expect(error.errors.map(({ path }) => path).sort()).toEqual(['kind', 'match.nth', 'times']);
  });

  it('lists calls since a time, with whether each one wrote', async () => {
    const { stripe, control } = await aSandbox();
    await stripe.customers.create({ name: 'Ana' });
    await new Promise((resolve) => setTimeout(resolve, 5));
    const since = Date.now();
    const { id } = await stripe.customers.create({ name: 'Ben' }, { idempotencyKey: 'k1' });
    await stripe.customers.retrieve(id);
    await stripe.customers.del(id);
    expect(await control.calls(since)).toMatchObject([
      { method: 'POST', path: '/v1/customers', status: 200, idempotencyKey: 'k1', written: true },
      { method: 'GET', path: `/v1/customers/${id}`, status: 200, idempotencyKey: null, written: false },
      { method: 'DELETE', path: `/v1/customers/${id}`, status: 200, written: true },
    ]);
  });

  it('shows deleted customers only on request', async () => {
    const { stripe, control } = await aSandbox();
    const { id } = await stripe.customers.create();
    await stripe.customers.del(id);
    expect(await control.customers()).toEqual([]);
    expect(await control.customers('?includeDeleted=true')).toEqual([{ id, object: 'customer', deleted: true }]);
  });

  it('seeds given records completely and without events', async () => {
    const { stripe, control } = await aSandbox();
    const record = {
      id: 'cus_given',
      created: 1_234,
      name: 'N'.repeat(300),
      address: { city: 'Rio' },
      metadata: { a: '1' },
      email: 'not an address',
    };
    expect(await control.seed({ records: [record] })).toMatchObject({ created: 1, ids: ['cus_given'] });
    expect(await stripe.customers.retrieve('cus_given')).toMatchObject({
      ...record,
      address: { city: 'Rio', country: null },
    });
    expect((await stripe.events.list()).data).toEqual([]);
  });

  it('resets everything or one account', async () => {
    const { stripe, control, secretKey } = await aSandbox();
    const { id: other } = await control.call<{ id: string }>('POST', '/accounts', {});
    await control.seed({ count: 3 });
    await control.seed({ count: 3, account: other });
    await control.call('POST', '/reset', { account: other });
    expect([(await control.customers()).length, (await control.customers(`?account=${other}`)).length]).toEqual([3, 0]);
    await control.fault({ kind: 'reset' });
    await control.clock({ offsetMs: 1_000_000 });
    await control.call('POST', '/reset');
    expect(await control.accounts()).toMatchObject([{ secretKey }]);
    expect((await stripe.customers.list()).data).toEqual([]);
    expect(await control.calls()).toHaveLength(1);
    expect(await control.call('GET', '/clock')).toMatchObject({ offsetMs: 0 });
  });

  it('sends a webhook about any object of the account', async () => {
    const { stripe, control } = await aSandbox();
    const { id } = await stripe.products.create({ name: 'Chai' });
    const { event } = await control.emit({ url: 'http://127.0.0.1:9/nobody', type: 'product.updated', objectId: id });
    expect(event).toMatchObject({ type: 'product.updated', data: { object: { id, object: 'product' } } });
    await expect(
      control.emit({ url: 'http://127.0.0.1:9/nobody', type: 'product.updated', objectId: 'prod_none' }),
    ).rejects.toThrow('404');
  });

  it('moves the clock, and new customers get its time', async () => {
    const { stripe, control } = await aSandbox();
    const now = Date.UTC(2030, 0, 1);
    await control.clock({ now });
    const { created } = await stripe.customers.create();
    expect(Math.abs(created - now / 1_000)).toBeLessThan(5);
  });
});
