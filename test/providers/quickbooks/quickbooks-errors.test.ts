import { describe, expect, it } from 'vitest';
import { aKey, allTime, createQuickBooksWorld, detailsOf } from './quickbooks-world.ts';

const world = createQuickBooksWorld();

const LISTS = [
  ['products', 'items'],
  ['customers', 'customers'],
  ['customers', 'changed-customers'],
  ['inventory', 'counted-items'],
  ['transactions', 'all-Payment'],
  ['invoices', 'invoices'],
] as const;

const XML =
  '<?xml version="1.0"?><IntuitResponse><Fault type="THROTTLE"><Error code="3001"><Message>x</Message></Error></Fault></IntuitResponse>';

describe.each(LISTS)('a page of %s (%s)', (resource, stream) => {
  const refusal = () => detailsOf(world.session(resource).listPage({ ...allTime, stream }));

  it.each<[string, object, object]>([
    ['throttled', { kind: 'status', status: 429, retryAfter: 60 }, { kind: 'rate-limited', retryAfterMs: 60_000 }],
    ['failed', { kind: 'status', status: 500 }, { kind: 'unavailable' }],
    ['cut off in the middle', { kind: 'truncate' }, { kind: 'unavailable' }],
    ['a web page', { kind: 'html' }, { kind: 'unexpected-response', httpStatus: 200 }],
    ['a bare 403', { kind: 'html', status: 403 }, { kind: 'unavailable', httpStatus: 403 }],
    ['a fault inside 200', { kind: 'status', status: 500, body: 'inside-success' }, { kind: 'rejected', code: '6190' }],
    ['of an expired token', { kind: 'status', status: 401 }, { kind: 'needs-reauth', code: '3200' }],
  ])('that is %s is told so', async (_, fault, told) => {
    await world.control().fault({ ...fault, times: 1 });
    expect(await refusal()).toMatchObject({ provider: 'quickbooks', ...told });
  });

  it.each<[string, number, unknown, object]>([
    ['a throttle as XML', 429, XML, { kind: 'rate-limited', code: '3001' }],
    ['a throttle as XML with 403', 403, XML, { kind: 'rate-limited', code: '3001' }],
    ['a throttle as XML with 200', 200, XML, { kind: 'rate-limited', code: '3001' }],
    [
      'a throttle as plain text',
      403,
      'message=ThrottleExceeded; errorCode=003001; statusCode=403',
      { kind: 'rate-limited' },
    ],
    ['plain text where JSON belongs', 200, 'Something went wrong', { kind: 'unexpected-response' }],
    ['nothing where JSON belongs', 403, '', { kind: 'unavailable' }],
    ['the end of the owner’s access', 401, fault('120', 'AuthorizationFault'), { kind: 'needs-reauth', code: '120' }],
    ['the end of the owner’s access with 200', 200, fault('120', 'AuthorizationFault'), { kind: 'needs-reauth' }],
    ['a fault of the service', 400, fault('10000', 'SystemFault'), { kind: 'unavailable' }],
  ])('that is %s is told so', async (_, status, body, told) => {
    world.proxy().edit((answer) => {
      answer.status = status;
      answer.body = body;
    });
    expect(await refusal()).toMatchObject({ provider: 'quickbooks', ...told });
  });
});

describe('an answer with 200 that does not tell what was asked for', () => {
  const asked = ([, stream]: (typeof LISTS)[number]) => stream.startsWith('changed-');
  const OTHER = { AttachableResponse: [] };
  const inside = fault('10000', 'SystemFault');

  it.each([...LISTS].flatMap((list) => [[...list, {}] as const, [...list, OTHER] as const]))(
    'is no list without objects: %s (%s), %o',
    async (resource, stream, body) => {
      world.proxy().edit((answer) => {
        answer.body = { ...body, time: '2026-11-30T00:00:00Z' };
      });
      expect(await detailsOf(world.session(resource).listPage({ ...allTime, stream }))).toMatchObject({
        ...{ kind: 'unexpected-response', httpStatus: 200 },
      });
    },
  );

  it('is no list either where one object stands in place of the list', async () => {
    world.proxy().edit((answer) => {
      answer.body = { QueryResponse: { Customer: { Id: '1' } } };
    });
    expect(await detailsOf(world.session('customers').listPage({ ...allTime, stream: 'customers' }))).toMatchObject({
      kind: 'unexpected-response',
    });
  });

  it.each(
    LISTS.filter(asked).flatMap(([resource, stream]) => [
      [resource, stream, { CDCResponse: [inside] }] as const,
      [resource, stream, { CDCResponse: [{ QueryResponse: [{}, inside] }] }] as const,
    ]),
  )('is a fault wherever change data capture has it: %s (%s), %o', async (resource, stream, body) => {
    world.proxy().edit((answer) => {
      answer.body = body;
    });
    expect(await detailsOf(world.session(resource).listPage({ ...allTime, stream }))).toMatchObject({
      ...{ kind: 'unavailable', code: '10000' },
    });
  });

  it('is an empty list where the response is there and has nothing', async () => {
    const page = async (stream: string, body: object) => {
      world.proxy().edit((answer) => {
        answer.body = body;
      });
      return (await world.session('customers').listPage({ ...allTime, stream })).records;
    };
    expect(await page('customers', { QueryResponse: {} })).toEqual([]);
    expect(await page('changed-customers', { CDCResponse: [{ QueryResponse: [{}] }] })).toEqual([]);
    expect(await page('changed-customers', { CDCResponse: [] })).toEqual([]);
  });
});

describe('a throttle without a Retry-After', () => {
  it.each([
    [429, XML],
    [403, XML],
    [200, fault('3001', 'THROTTLE')],
  ])('asks for a minute, as QuickBooks documents its limits (%s)', async (status, body) => {
    world.proxy().edit((answer) => {
      answer.status = status;
      answer.body = body;
    });
    const page = world.session('customers').listPage({ ...allTime, stream: 'customers' });
    expect(await detailsOf(page)).toMatchObject({ kind: 'rate-limited', retryAfterMs: 60_000 });
  });
});

function fault(code: string, type: string) {
  return { Fault: { Error: [{ Message: 'x', Detail: 'ada@example.com', code, element: '' }], type } };
}

describe('a token', () => {
  it('whose scope was taken back asks for a new consent', async () => {
    const { id } = world.company();
    const { Secret } = await import('../../../vault/secret.ts');
    const secretKey = new Secret(await world.control().tokenFor(id, 'openid'));
    const session = world.adapter().open({ secretKey, onBehalfOf: id, call: (request) => request() });
    expect(await detailsOf(session.resource('customers').listPage({ ...allTime, stream: 'customers' }))).toMatchObject({
      ...{ kind: 'needs-reauth', httpStatus: 403, code: '3100' },
    });
  });
});

describe('a customer that QuickBooks refuses', () => {
  const customer = { name: 'Ada', email: null, phone: null, address: null, marketingConsent: null, metadata: {} };
  const create = (fields: object) => {
    const mapped = world.map('customers', { ...customer, ...fields });
    return world.writer('customers').create(mapped, aKey());
  };

  it('for a name that a vendor has is rejected with its code', async () => {
    await world.company().write('vendor', { DisplayName: 'ADA' });
    expect(await detailsOf(create({}))).toEqual({
      ...{ provider: 'quickbooks', kind: 'rejected', httpStatus: 400, code: '6240', field: undefined },
    });
  });

  it('for an e-mail address is rejected with the field and without the address', async () => {
    const details = await detailsOf(create({ email: 'nobody at example.com' }));
    expect(details).toMatchObject({ kind: 'rejected', code: '2210', field: 'PrimaryEmailAddr' });
    expect(JSON.stringify(details)).not.toContain('nobody');
  });

  it('holds up no other of its batch', async () => {
    await world.company().write('vendor', { DisplayName: 'Bea' });
    const batch = world.writer('customers').batch;
    const entries = ['Ada', 'Bea', 'Cid'].map((name) => ({
      mapped: world.map('customers', { ...customer, name }),
      ...aKey(),
    }));
    expect(await batch?.create(entries, aKey())).toMatchObject([
      { fields: { name: 'Ada' } },
      { details: { kind: 'rejected', code: '6240' } },
      { fields: { name: 'Cid' } },
    ]);
    expect(await world.company().objects('Customer')).toHaveLength(2);
  });

  it.each([
    ['a colon', 'Ada: sub', 'name'],
    ['a tab', 'Ada\tL', 'name'],
    ['a long name', 'x'.repeat(501), 'name'],
  ])('for %s is told before any call', (_, name, path) => {
    expect(world.map('customers', { ...customer, name }).problems).toMatchObject([{ path }]);
  });
});

describe('a customer without a name', () => {
  it('is rejected before any call, and holds up no other of its batch', async () => {
    const customer = { email: null, phone: null, address: null, marketingConsent: null, metadata: {} };
    const entries = [null, 'Ada'].map((name) => ({ mapped: world.map('customers', { ...customer, name }), ...aKey() }));
    expect(await world.writer('customers').batch?.create(entries, aKey())).toMatchObject([
      { details: { kind: 'rejected', code: 'name-missing', field: 'name' } },
      { fields: { name: 'Ada' } },
    ]);
  });
});

describe('a name of every kind', () => {
  it.each(["O'Neil", 'Say "hi"', 'dash – dash', 'back\\slash', "\\'; select", 'ünïcode 🎉', '100%'])(
    'is written, and found again by the name alone: %s',
    async (name) => {
      const fields = { name, email: null, phone: null, address: null, marketingConsent: null, metadata: {} };
      const written = await world.writer('customers').create(world.map('customers', fields), aKey());
      expect(written.fields).toMatchObject({ name });
      const hint = { recordId: 'x', email: null, fields, createdSinceEpochS: 0, after: null };
      expect((await world.writer('customers').findRemote(hint)).found).toMatchObject({
        externalId: written.externalId,
      });
    },
  );
});
