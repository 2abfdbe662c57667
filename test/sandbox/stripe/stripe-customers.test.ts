import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('the stand-in Stripe, on invalid requests', () => {
  it.each([
    ['an unknown parameter', { nickname: 'x' }, { code: 'parameter_unknown', param: 'nickname' }],
    [
      'an unknown part of an address',
      { address: { street: 'x' } },
      { code: 'parameter_unknown', param: 'address[street]' },
    ],
    [
      '__proto__',
      JSON.parse('{"__proto__": {"polluted": "1"}}') as object,
      { code: 'parameter_unknown', param: '__proto__' },
    ],
    ['an e-mail without a domain', { email: 'ana@' }, { code: 'email_invalid', param: 'email' }],
    ['a name of 257 characters', { name: 'é'.repeat(257) }, { param: 'name' }],
    ['an e-mail of 513 characters', { email: `${'a'.repeat(501)}@example.com` }, { param: 'email' }],
    ['a phone of 21 characters', { phone: '1'.repeat(21) }, { param: 'phone' }],
    ['a description of 351 characters', { description: 'd'.repeat(351) }, { param: 'description' }],
    [
      'a metadata key of 41 characters',
      { metadata: { ['k'.repeat(41)]: 'v' } },
      { param: `metadata[${'k'.repeat(41)}]` },
    ],
    ['a metadata value of 501 characters', { metadata: { k: 'v'.repeat(501) } }, { param: 'metadata[k]' }],
    [
      '51 metadata keys',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, index) => [`k${index}`, 'v'])) },
      { param: 'metadata' },
    ],
    ['a hash where a string belongs', { name: { first: 'A' } }, { param: 'name' }],
    ['a string where a hash belongs', { address: 'Main Street 1' }, { param: 'address' }],
    ['a balance that is not an integer', { balance: 1.5 }, { code: 'parameter_invalid_integer', param: 'balance' }],
    ['a tax exemption that does not exist', { tax_exempt: 'maybe' }, { param: 'tax_exempt' }],
    [
      'shipping without a name',
      { shipping: { address: { line1: 'x' } } },
      { code: 'parameter_missing', param: 'shipping[name]' },
    ],
    [
      'shipping with an empty name',
      { shipping: { name: '', address: { line1: 'x' } } },
      { code: 'parameter_invalid_string_empty', param: 'shipping[name]' },
    ],
    ['a missing payment method', { payment_method: 'pm_x' }, { code: 'resource_missing', param: 'payment_method' }],
    ['a parameter it does not implement', { tax: { ip_address: '1.2.3.4' } }, { param: 'tax' }],
  ])('rejects %s', async (_case, params, expected) => {
    const { stripe, control } = await aSandbox();
    const error = await stripeError(stripe.customers.create(params as Stripe.CustomerCreateParams));
    expect(error).toMatchObject({
      type: 'StripeInvalidRequestError',
      rawType: 'invalid_request_error',
      statusCode: 400,
      ...expected,
    });
    expect(error.requestId).toMatch(/^req_\w{14}$/);
    expect(error.doc_url).toBe(error.code && `https://stripe.com/docs/error-codes/${error.code.replaceAll('_', '-')}`);
    expect(await control.customers()).toEqual([]);
    expect(await control.calls()).toMatchObject([{ status: 400, written: false }]);
  });

  it('accepts every length that Stripe allows', async () => {
    const { stripe } = await aSandbox();
    const params = {
      name: '😀'.repeat(256),
      phone: '1'.repeat(20),
      description: 'd'.repeat(350),
      email: `${'a'.repeat(500)}@example.com`,
      metadata: { ['k'.repeat(40)]: 'v'.repeat(500) },
    };
    expect(await stripe.customers.create(params as Stripe.CustomerCreateParams)).toMatchObject(params);
  });

  it.each([
    ['limit=0', 'parameter_invalid_integer', 'limit'],
    ['limit=101', 'parameter_invalid_integer', 'limit'],
    ['limit=ten', 'parameter_invalid_integer', 'limit'],
    ['limit=', 'parameter_invalid_empty', 'limit'],
    ['starting_after=cus_nobody', 'resource_missing', 'starting_after'],
    ['created[after]=5', 'parameter_unknown', 'created[after]'],
    ['offset=10', 'parameter_unknown', 'offset'],
    ['starting_after=a&ending_before=b', 'parameters_exclusive', undefined],
  ])('rejects a list with ?%s', async (query, code, param) => {
    const { raw } = await aSandbox();
    const { status, json } = await raw('GET', `/v1/customers?${query}`);
    expect(status).toBe(400);
    expect(json().error).toMatchObject({ type: 'invalid_request_error', code, ...(param !== undefined && { param }) });
  });

  it.each([
    ['JSON', '{"name":"A"}', { 'content-type': 'application/json' }, 400],
    ['a percent sign on its own', 'name=%', {}, 400],
    ['bytes that are not UTF-8', 'name=%FF%FE', {}, 400],
    ['a body of two megabytes', `description=${'d'.repeat(2_000_000)}`, {}, 413],
    ['an excessively nested form', `metadata${'[a]'.repeat(50)}=1`, {}, 400],
    ['an API version that never existed', 'name=A', { 'stripe-version': 'latest' }, 400],
  ])('rejects %s', async (_case, body, headers, expected) => {
    const { raw, control } = await aSandbox();
    const { status, json } = await raw('POST', '/v1/customers', { body, headers });
    expect({ status, type: json().error['type'] }).toEqual({ status: expected, type: 'invalid_request_error' });
    expect(await control.customers()).toEqual([]);
  });

  it('answers 404 and names the resource for a missing customer', async () => {
    const { stripe } = await aSandbox();
    for (const attempt of [
      stripe.customers.retrieve('cus_x'),
      stripe.customers.update('cus_x', { name: 'A' }),
      stripe.customers.del('cus_x'),
    ]) {
      expect(await stripeError(attempt)).toMatchObject({
        statusCode: 404,
        code: 'resource_missing',
        param: 'id',
        message: "No such customer: 'cus_x'",
      });
    }
  });

  it('answers 404 for an unknown path', async () => {
    const { raw } = await aSandbox();
    const { status, json } = await raw('GET', '/v1/coupons');
    expect(status).toBe(404);
    expect(json().error['message']).toContain('Unrecognized request URL (GET: /v1/coupons)');
  });
});

describe('a sparse update', () => {
  const before = {
    name: 'Ana',
    email: 'ana@example.com',
    phone: '1',
    address: { line1: 'Avda. 1', city: 'México' },
    metadata: { keep: '1', change: '1', drop: '1' },
  };

  it('keeps fields not sent, clears empty ones, merges metadata and replaces an address', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create(before);
    await stripe.customers.update(id, {
      phone: '',
      address: { line1: 'Avda. 2' },
      metadata: { change: '2', drop: '', add: '1' },
    });
    expect(await stripe.customers.retrieve(id)).toMatchObject({
      name: 'Ana',
      email: 'ana@example.com',
      phone: null,
      address: { line1: 'Avda. 2', city: null, country: null, line2: null, postal_code: null, state: null },
      metadata: { keep: '1', change: '2', add: '1' },
    });
    const cleared = await stripe.customers.update(id, { address: '', metadata: '', email: '' });
    expect(cleared).toMatchObject({ address: null, metadata: {}, email: null, name: 'Ana' });
  });

  it('reports the previous value of each changed field in its event', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create(before);
    await stripe.customers.update(
      id,
      { name: 'Ana T.', metadata: { drop: '', add: '1' } },
      { idempotencyKey: 'update-1' },
    );
    const [event] = (await stripe.events.list({ type: 'customer.updated' })).data;
    expect(event?.data.previous_attributes).toEqual({ name: 'Ana', metadata: { drop: '1', add: null } });
    expect(event?.data.object).toMatchObject({ id, name: 'Ana T.', metadata: { keep: '1', change: '1', add: '1' } });
    expect(event?.request).toMatchObject({ idempotency_key: 'update-1', id: expect.stringMatching(/^req_/) as string });
  });

  it('writes nothing and creates no event when nothing changes', async () => {
    const { stripe, control } = await aSandbox();
    const { id } = await stripe.customers.create(before);
    await stripe.customers.update(id, { name: 'Ana', metadata: { keep: '1' } });
    expect((await control.calls()).map((call) => call.written)).toEqual([true, false]);
    expect((await stripe.events.list()).data).toHaveLength(1);
  });
});

describe('search', () => {
  it('finds by metadata, e-mail and age, with joined and negated clauses', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({
      records: [
        { id: 'cus_a', created: 1_000, email: 'a@example.com', name: 'Ana', metadata: { sourceId: "O'Neill" } },
        { id: 'cus_b', created: 2_000, email: 'b@example.com', name: 'Ben', metadata: { sourceId: 'B' } },
        { id: 'cus_c', created: 3_000, email: 'c@example.org', name: null },
      ],
    });
    const find = async (query: string) => (await stripe.customers.search({ query })).data.map(({ id }) => id);
    expect(await find("metadata['sourceId']:'B'")).toEqual(['cus_b']);
    expect(await find(`metadata["sourceId"]:"o'neill"`)).toEqual(['cus_a']);
    expect(await find("email:'a@example.com' OR email:'c@example.org'")).toEqual(['cus_c', 'cus_a']);
    expect(await find('created>1000 AND created<=3000')).toEqual(['cus_c', 'cus_b']);
    expect(await find("email~'example.com' -name:'Ana'")).toEqual(['cus_b']);
    expect(await find('name:null')).toEqual(['cus_c']);
    for (const query of ["city:'X'", "email:'a' AND", "email:'a' OR name:'b' AND phone:'c'", "email~'a'"]) {
      expect(await stripeError(stripe.customers.search({ query }))).toMatchObject({ statusCode: 400, param: 'query' });
    }
  });

  it('pages through its results', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 25 });
    const found: string[] = [];
    for await (const customer of stripe.customers.search({ query: "email~'example'", limit: 10 }))
      found.push(customer.id);
    expect(found).toEqual((await control.customers()).map(({ id }) => id));
  });

  it('lags behind writes by the configured delay, as Stripe’s does', async () => {
    const { stripe, control } = await aSandbox();
    await control.limits({ searchDelayMs: 60_000 });
    const { id } = await stripe.customers.create({ email: 'new@example.com' });
    const find = async (email: string) =>
      (await stripe.customers.search({ query: `email:'${email}'` })).data.map((customer) => customer.id);
    expect(await find('new@example.com')).toEqual([]);
    await control.clock({ offsetMs: 61_000 });
    expect(await find('new@example.com')).toEqual([id]);
    await stripe.customers.update(id, { email: 'newer@example.com' });
    expect(await find('newer@example.com')).toEqual([]);
    expect(await find('new@example.com')).toEqual([id]);
  });
});
