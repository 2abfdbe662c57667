import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ResourceSession } from '../../../providers/provider.ts';
import type { ProviderError } from '../../../providers/provider-error.ts';
import { LISTING, aStrangeServer, createStripeWorld, refusalOf, writerOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

const ADA = {
  id: '0199f2c8-0000-7000-8000-000000000001',
  sourceId: 'ada',
  fields: {
    name: 'Ada Lovelace',
    email: 'ada@private.example',
    phone: '+4930901820',
    address: null,
    marketingConsent: true,
    metadata: { note: 'allergic to nuts' },
  },
};

describe('a Stripe call that fails', () => {
  let world: StripeWorld;
  let customers: ResourceSession;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.reset();
    customers = world.customers();
  });

  const create = () =>
    writerOf(customers).create(world.mapping.toPayload(ADA), { idempotencyKey: `key-${Math.random()}` });
  const list = () => customers.listPage(LISTING);

  const FAULTS = [
    ['401', { kind: 'status', status: 401 }, { kind: 'needs-reauth', httpStatus: 401 }],
    ['403', { kind: 'status', status: 403 }, { kind: 'rejected', httpStatus: 403 }],
    ['402', { kind: 'status', status: 402 }, { kind: 'rejected', httpStatus: 402 }],
    ['404', { kind: 'status', status: 404 }, { kind: 'rejected', httpStatus: 404 }],
    ['409', { kind: 'status', status: 409 }, { kind: 'unavailable', httpStatus: 409 }],
    [
      '409 lock_timeout',
      { kind: 'status', status: 409, code: 'lock_timeout' },
      { kind: 'unavailable', httpStatus: 409 },
    ],
    [
      '429 lock_timeout, which is no limit of the account',
      { kind: 'status', status: 429, code: 'lock_timeout' },
      { kind: 'unavailable', httpStatus: 429, code: 'lock_timeout' },
    ],
    ['408', { kind: 'status', status: 408 }, { kind: 'unavailable', httpStatus: 408 }],
    ['408 with a page', { kind: 'status', status: 408, body: 'html' }, { kind: 'unavailable', httpStatus: 408 }],
    ['425', { kind: 'status', status: 425 }, { kind: 'unavailable', httpStatus: 425 }],
    ['499', { kind: 'status', status: 499, body: 'html' }, { kind: 'unavailable', httpStatus: 499 }],
    [
      '429',
      { kind: 'status', status: 429 },
      { kind: 'rate-limited', httpStatus: 429, code: 'rate_limit', retryAfterMs: undefined },
    ],
    [
      '429 with Retry-After',
      { kind: 'status', status: 429, retryAfter: 7 },
      { kind: 'rate-limited', retryAfterMs: 7_000 },
    ],
    [
      '429 without a readable body',
      { kind: 'status', status: 429, body: 'html' },
      { kind: 'rate-limited', httpStatus: 429 },
    ],
    ['400', { kind: 'status', status: 400 }, { kind: 'rejected', httpStatus: 400 }],
    ['400 rate_limit', { kind: 'status', status: 400, code: 'rate_limit' }, { kind: 'rate-limited', httpStatus: 400 }],
    ['500', { kind: 'status', status: 500 }, { kind: 'unavailable', httpStatus: 500, replayed: false }],
    [
      '500 with Retry-After',
      { kind: 'status', status: 500, retryAfter: 3 },
      { kind: 'unavailable', retryAfterMs: 3_000 },
    ],
    ['503', { kind: 'status', status: 503 }, { kind: 'unavailable', httpStatus: 503 }],
    ['502 with a page', { kind: 'status', status: 502, body: 'html' }, { kind: 'unavailable', httpStatus: 502 }],
    ['500 {}', { kind: 'status', status: 500, body: 'empty' }, { kind: 'unavailable', httpStatus: 500 }],
    ['400 {}', { kind: 'status', status: 400, body: 'empty' }, { kind: 'rejected', httpStatus: 400 }],
    ['401 {}', { kind: 'status', status: 401, body: 'empty' }, { kind: 'needs-reauth', httpStatus: 401 }],
    ['a cut body', { kind: 'truncate' }, { kind: 'unavailable', httpStatus: undefined }],
    ['a reset', { kind: 'reset' }, { kind: 'unavailable', httpStatus: undefined }],
    ['a reset after the commit', { kind: 'commit-then-fail' }, { kind: 'unavailable', httpStatus: undefined }],
  ] as const;

  it.each(FAULTS)('is classified and sent exactly once: %s', async (_name, fault, details) => {
    await world.stripe.fault(fault);
    for (const call of [create, list]) {
      const before = (await world.stripe.calls()).length;

      expect((await refusalOf(call())).details).toMatchObject({ provider: 'stripe', ...details });

      expect(await world.stripe.calls()).toHaveLength(before + 1);
    }
  });

  it('is marked when the key replays a stored failure', async () => {
    await world.stripe.fault({ kind: 'status', status: 500, stored: true, times: 1 });
    const send = () => writerOf(customers).create(world.mapping.toPayload(ADA), { idempotencyKey: 'one-key' });
    expect((await refusalOf(send())).details).toMatchObject({ kind: 'unavailable', replayed: false });
    expect((await refusalOf(send())).details).toMatchObject({ kind: 'unavailable', replayed: true });
    expect(await world.stripe.calls()).toHaveLength(2);
  });

  it('is a conflict when the key was used with other content', async () => {
    const other = { ...ADA, fields: { ...ADA.fields, name: 'Somebody else' } };
    await writerOf(customers).create(world.mapping.toPayload(ADA), { idempotencyKey: 'one-key' });
    expect(
      (await refusalOf(writerOf(customers).create(world.mapping.toPayload(other), { idempotencyKey: 'one-key' })))
        .details.kind,
    ).toBe('conflict');
  });

  it.each([
    ['wrong', () => 'sk_test_nobodyKnowsThisOne', 'needs-reauth'],
    ['expired', (account: { expiredKey: string }) => account.expiredKey, 'needs-reauth'],
    ['restricted', (account: { restrictedKey: string }) => account.restrictedKey, 'rejected'],
  ] as const)('names the cause of a %s key without the key', async (_name, keyOf, kind) => {
    const [account] = await world.accounts();
    const key = keyOf(account!);
    const error = await refusalOf(world.open(key).resource('customers').listPage(LISTING));
    expect(error.details.kind).toBe(kind);
    expectNothingOf([key, key.slice(-4)], error);
  });

  it('ends at once when aborted, without a second request', async () => {
    await world.stripe.fault({ kind: 'slow', delayMs: 20_000 });
    const stop = new AbortController();
    const elapsedMs = startStopwatch();
    const call = refusalOf(world.customers(stop.signal).listPage(LISTING));
    setTimeout(() => {
      stop.abort();
    }, 100);
    expect((await call).details).toMatchObject({ kind: 'unavailable' });
    expect(elapsedMs()).toBeLessThan(5_000);
    expect((await refusalOf(world.customers(AbortSignal.timeout(50)).listPage(LISTING))).details.kind).toBe(
      'unavailable',
    );
  });

  it('is not sent when already aborted', async () => {
    expect((await refusalOf(world.customers(AbortSignal.abort()).listPage(LISTING))).details.kind).toBe('unavailable');
    expect(await world.stripe.calls()).toHaveLength(0);
  });

  it('names the code and field that Stripe refuses, and quotes nothing', async () => {
    const bad = world.mapping.toPayload({ ...ADA, fields: { ...ADA.fields, email: 'not-a-mail@' } });
    const error = await refusalOf(writerOf(customers).create(bad, { idempotencyKey: 'bad' }));
    expect(error.details).toMatchObject({
      kind: 'rejected',
      httpStatus: 400,
      code: 'email_invalid',
      field: 'email',
      requestId: expect.stringMatching(/^req_/) as string,
    });
    expectNothingOf(['not-a-mail', world.sandbox.secretKey], error);
  });

  it.each(FAULTS)('contains nothing of the customer or the key: %s', async (_name, fault) => {
    await world.stripe.fault(fault);
    expectNothingOf(Object.values(ADA.fields).concat(world.sandbox.secretKey), await refusalOf(create()));
  });
});

describe('an unexpected answer', () => {
  const SECRETS = ['ada@private.example', 'Ada Lovelace', 'sk_test_strangeKey'];
  const CUSTOMER = {
    id: 'cus_1',
    object: 'customer',
    created: 1_700_000_000,
    name: 'Ada Lovelace',
    email: 'ada@private.example',
  };

  async function refused(status: number, body: string, headers: Record<string, string> = {}) {
    const server = await aStrangeServer((_req, res) =>
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body),
    );
    try {
      const error = await refusalOf(server.open('sk_test_strangeKey').resource('customers').retrieve('cus_1'));
      expect(server.requests()).toBe(1);
      expectNothingOf(SECRETS, error);
      return error;
    } finally {
      await server.close();
    }
  }

  it.each([
    ['a page in place of JSON', '<html>Ada Lovelace, ada@private.example</html>'],
    ['JSON that ends too early', '{"id":"cus_1","email":"ada@private.example'],
    ['no body', ''],
    ['a list', '[]'],
    ['another object', JSON.stringify({ ...CUSTOMER, object: 'card' })],
    ['a customer without an id', JSON.stringify({ ...CUSTOMER, id: undefined })],
    ['a customer without its time', JSON.stringify({ ...CUSTOMER, created: undefined })],
    ['a name that is a number', JSON.stringify({ ...CUSTOMER, name: 7 })],
    ['metadata that holds no text', JSON.stringify({ ...CUSTOMER, metadata: { vip: true } })],
  ])('is an unexpected response: %s', async (_name, body) => {
    expect((await refused(200, body)).details).toMatchObject({ kind: 'unexpected-response' });
  });

  it.each([301, 302, 307, 308])(
    'is an unexpected response when it sends the caller elsewhere with %i: nothing is sent there',
    async (status) => {
      const elsewhere = await aStrangeServer((_req, res) =>
        res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(CUSTOMER)),
      );
      expect((await refused(status, '', { location: `${elsewhere.apiUrl}/v1/customers/cus_1` })).details).toMatchObject(
        { kind: 'unexpected-response', httpStatus: status },
      );
      expect(elsewhere.requests()).toBe(0);
      await elsewhere.close();
    },
  );

  it.each([
    [
      'in the message',
      { error: { type: 'invalid_request_error', message: 'ada@private.example sent sk_test_strangeKey' } },
    ],
    [
      'as code and field',
      { error: { type: 'invalid_request_error', message: '', code: 'ada@private.example', param: 'Ada Lovelace' } },
    ],
    [
      'in fields of Stripe’s own',
      {
        error: {
          type: 'card_error',
          message: 'Ada Lovelace',
          decline_code: 'Ada Lovelace',
          charge: 'ada@private.example',
        },
      },
    ],
    ['in an error that is plain text', { error: 'ada@private.example' }],
  ])('quotes nothing that a provider wrote %s', async (_where, body) => {
    for (const status of [400, 401, 403, 404, 409, 429, 500]) {
      expect((await refused(status, JSON.stringify(body))).details.httpStatus).toBe(status);
    }
  });

  it.each([
    ['a date', 'Wed, 21 Oct 2026 07:28:00 GMT'],
    ['a negative number', '-3'],
    ['nonsense', 'soon'],
    ['zero', '0'],
  ])('waits as long as usual when Retry-After is %s', async (_name, retryAfter) => {
    expect(
      (await refused(429, '{"error":{"type":"api_error","message":""}}', { 'retry-after': retryAfter })).details
        .retryAfterMs,
    ).toBeUndefined();
  });

  it('is accepted with unknown fields, and without optional ones', async () => {
    const body = JSON.stringify({ ...CUSTOMER, quantum_state: { entangled: true }, metadata: null });
    const server = await aStrangeServer((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(body),
    );
    const record = await server.open().resource('customers').retrieve('cus_1');
    await server.close();
    expect(record).toMatchObject({
      externalId: 'cus_1',
      deleted: false,
      recordId: null,
      fields: { name: 'Ada Lovelace', phone: null, address: null, marketingConsent: null, metadata: {} },
    });
  });

  it('is one failure when the connection is refused', async () => {
    const server = await aStrangeServer(() => undefined);
    await server.close();
    expect((await refusalOf(server.open().account())).details).toMatchObject({
      kind: 'unavailable',
      httpStatus: undefined,
    });
  });
});

/** Everything that a log, a history or a debugger would show of the error. */
function expectNothingOf(values: readonly unknown[], error: ProviderError): void {
  const shown = [
    error.message,
    error.stack,
    String(error),
    inspect(error, { depth: 10, showHidden: true }),
    JSON.stringify(error),
    JSON.stringify(error.details),
  ].join('\n');
  for (const value of values) {
    if (typeof value === 'string') expect(shown).not.toContain(value);
  }
}
