import { gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createInboxGateway } from '../../../api/temporal/inbox-gateway.ts';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { awayTemporal } from '../../support/services/temporal.ts';
import { allApps } from '../openapi/all-apps.ts';
import { createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { Answered, ApiWorld, SendOptions } from '../api-world.ts';
import { anAccount, providers, revocation, signed, SQUARE_KEY, STRIPE_SECRET } from './webhook-deliveries.ts';
import type { Receiver } from './webhook-deliveries.ts';

let api: ApiWorld;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
});
afterAll(() => api.close());
beforeEach(async () => {
  api.connectionGateway.away = false;
  await api.drain();
  api.connectionGateway.revoked.length = 0;
  api.inboxGateway.woken.length = 0;
  api.inboxGateway.away = false;
});

const post = (
  provider: string,
  body: SendOptions['body'],
  headers: Record<string, string> = {},
  to = api,
): Promise<Answered> =>
  to.send('POST', `/webhooks/${provider}`, {
    token: null,
    ...(body !== undefined && { body }),
    headers: { 'content-type': 'application/json', ...headers },
  });
const send = (provider: Receiver, body: string) => post(provider, body, signed(provider, body));

interface Granted {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}

/** A connection in a venue of its own, as its owner's approval leaves it. */
async function aGrant(
  provider: Receiver,
  account: string,
  { state = 'active', environment = 'sandbox', key = false } = {},
): Promise<Granted> {
  const { admin } = api.database;
  const ref = { venueId: await api.aVenue(), connectionId: uuidv7() as ConnectionId };
  await admin`insert into connections (id, venue_id, provider, environment, state, external_account_id, flow) values (${ref.connectionId}, ${ref.venueId}, ${provider}, ${environment}, ${state}, ${account}, ${key ? null : 'code'})`;
  if (key)
    await admin`insert into venue_api_keys (connection_id, venue_id, sealed_key) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  else
    await admin`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${ref.connectionId}, ${ref.venueId}, ${Buffer.from('sealed')})`;
  return ref;
}

const told = () => api.connectionGateway.revoked;

describe.each(['stripe', 'square'] as const)('word of a revocation from %s', (provider) => {
  it('reaches the token managers of every venue’s connection to the account', async () => {
    const account = anAccount(provider);
    const here = await aGrant(provider, account);
    const there = await aGrant(provider, account, { state: 'degraded' });
    await aGrant(provider, anAccount(provider));
    const answer = await send(provider, revocation(provider, account));
    expect([answer.status, answer.json, answer.headers.get('cache-control')]).toEqual([
      200,
      { received: true },
      'no-store',
    ]);
    await api.drain();
    expect(told().toSorted((a, b) => a.connectionId.localeCompare(b.connectionId))).toEqual([
      { ...here, provider },
      { ...there, provider },
    ]);
  });

  it('reaches no connection that has a key, another environment, or nothing left to lose', async () => {
    const account = anAccount(provider);
    await aGrant(provider, account, { key: true });
    await aGrant(provider, account, { environment: 'production' });
    for (const state of ['needs-reauth', 'disconnecting', 'disconnected']) await aGrant(provider, account, { state });
    const suspended = await aGrant(provider, account, { state: 'suspended' });
    expect((await send(provider, revocation(provider, account))).status).toBe(200);
    await api.drain();
    expect(told()).toEqual([{ ...suspended, provider }]);
  });

  it('about an account that is not connected is accepted, and changes nothing', async () => {
    // Postgres rejects U+0000, even in a search.
    for (const account of [anAccount(provider), `${anAccount(provider)}\u0000`])
      expect((await send(provider, revocation(provider, account))).status).toBe(200);
    await api.drain();
    expect(told()).toEqual([]);
  });

  it.each<[string, (body: string) => Record<string, string>]>([
    ['without a signature', () => ({})],
    [
      'with an empty signature',
      (body) => Object.fromEntries(Object.keys(signed(provider, body)).map((name) => [name, ''])),
    ],
    [
      'with a signature that is none',
      (body) => Object.fromEntries(Object.keys(signed(provider, body)).map((name) => [name, 't=1,v1=ÿþ'])),
    ],
    ['signed with another secret', (body) => signed(provider, body, { secret: 'whsec_other' })],
    [
      'signed with the other provider’s secret',
      (body) => signed(provider, body, { secret: provider === 'stripe' ? SQUARE_KEY : STRIPE_SECRET }),
    ],
    ['signed for another body', (body) => signed(provider, `${body} `)],
    [
      'with the signature in another header',
      (body) => ({ authorization: Object.values(signed(provider, body))[0] ?? '' }),
    ],
  ])('%s is rejected, and changes nothing', async (_case, headersOf) => {
    const account = anAccount(provider);
    await aGrant(provider, account);
    const body = revocation(provider, account);
    const answer = await post(provider, body, headersOf(body));
    expect(answer).toMatchObject({ status: 401, json: { code: 'webhook-not-signed' } });
    expect(answer.headers.get('www-authenticate')).toContain('Signature');
    expect(await api.drain()).toBe(0);
    expect(told()).toEqual([]);
  });

  it('with any single byte altered is rejected', async () => {
    const account = anAccount(provider);
    await aGrant(provider, account);
    const body = Buffer.from(revocation(provider, account));
    const headers = signed(provider, body);
    for (const at of [0, body.indexOf(account), Math.floor(body.length / 2), body.length - 1]) {
      const altered = Uint8Array.from(body);
      altered[at] = (altered[at] ?? 0) ^ 1;
      expect((await post(provider, altered, headers)).status, `byte ${at}`).toBe(401);
    }
    expect((await post(provider, Uint8Array.from([...body, 0x0a]), headers)).status).toBe(401);
    expect(told()).toEqual([]);
    expect((await post(provider, Uint8Array.from(body), headers)).status).toBe(200);
  });

  it.each<[string, string | Uint8Array<ArrayBuffer>, number, string]>([
    ['that is not JSON', 'type=oauth', 400, 'malformed-json'],
    ['that is cut short', '{"type":', 400, 'malformed-json'],
    ['that is nested without end', '['.repeat(100_000), 400, 'too-deeply-nested'],
    ['that is no event', '{"a":1}', 400, 'invalid-request'],
    ['that is a list', '[]', 400, 'invalid-request'],
  ])('%s is rejected although it is signed', async (_case, body, status, code) => {
    expect(await send(provider, String(body))).toMatchObject({ status, json: { code } });
  });

  it('that is empty is rejected', async () => {
    expect(await post(provider, undefined, signed(provider, 'x'))).toMatchObject({ status: 401 });
  });

  it('larger than a megabyte is rejected before it is parsed', async () => {
    const body = JSON.stringify({ type: 'x'.repeat(1_100_000) });
    expect(await post(provider, body, signed(provider, body))).toMatchObject({
      status: 413,
      json: { code: 'body-too-large' },
    });
  });

  it('in a compressed body is rejected, because the decompressed text was not signed', async () => {
    const body = revocation(provider, anAccount(provider));
    expect(
      await post(provider, Uint8Array.from(gzipSync(body)), { ...signed(provider, body), 'content-encoding': 'gzip' }),
    ).toMatchObject({ status: 415 });
  });

  it('while Temporal is away is stored and answered 200, and has its effect once Temporal is back', async () => {
    const account = anAccount(provider);
    const ref = await aGrant(provider, account);
    [api.inboxGateway.away, api.connectionGateway.away] = [true, true];
    expect((await send(provider, revocation(provider, account))).status).toBe(200);
    await expect(api.drain()).rejects.toThrow('unavailable');
    expect(told()).toEqual([]);
    [api.inboxGateway.away, api.connectionGateway.away] = [false, false];
    await api.drain();
    expect(told()).toEqual([{ ...ref, provider }]);
  });

  it('leaves nothing in the log except that it arrived', async () => {
    const account = anAccount(provider);
    await aGrant(provider, account);
    const before = api.logLines.length;
    const body = revocation(provider, account);
    await send(provider, body);
    await post(provider, body, {});
    await send(provider, JSON.stringify({ type: `of ${account}`, merchant_id: account, account }));
    await api.drain();
    const lines = api.logLines.slice(before).join('');
    expect(lines).toContain('"connections":1');
    expect(lines).toContain('"route":"/webhooks/{provider}"');
    for (const secret of [
      account,
      'Corner Café',
      'MERCHANT',
      STRIPE_SECRET,
      SQUARE_KEY,
      ...Object.values(signed(provider, body)),
    ])
      expect(lines).not.toContain(secret);
  });

  it('of another type is accepted and ignored, and logged at debug level', async () => {
    const before = api.logLines.length;
    const answer = await send(
      provider,
      JSON.stringify({ type: 'customer.created', data: { object: { email: 'a@shop.test' } } }),
    );
    expect([answer.status, answer.json]).toEqual([200, { received: true }]);
    await api.drain();
    expect(told()).toEqual([]);
    const [line] = api.logLines.slice(before).filter((each) => each.includes('customer.created'));
    expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'debug', provider, type: 'customer.created' });
    expect(api.logLines.slice(before).join('')).not.toContain('a@shop.test');
  });

  it.each(['GET', 'PUT', 'DELETE'])('is rejected by %s', async (method) => {
    const answer = await api.send(method, `/webhooks/${provider}`, { token: null });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('the signed times and addresses', () => {
  it('of Stripe are at most five minutes in the past', async () => {
    const account = anAccount('stripe');
    const ref = await aGrant('stripe', account);
    const body = revocation('stripe', account);
    expect((await post('stripe', body, signed('stripe', body, { ageS: 330 }))).status).toBe(401);
    expect((await post('stripe', body, signed('stripe', body, { ageS: 270 }))).status).toBe(200);
    await api.drain();
    expect(told()).toEqual([{ ...ref, provider: 'stripe' }]);
  });

  it('of Square are those of this service, whatever host the request names', async () => {
    const body = revocation('square', anAccount('square'));
    for (const url of [
      'https://other.test/webhooks/square',
      `${PUBLIC_URL}/webhooks/square/`,
      `http://127.0.0.1:${api.port}/webhooks/square`,
    ]) {
      expect((await post('square', body, signed('square', body, { url }))).status, url).toBe(401);
    }
  });
});

describe('a path that accepts no webhooks', () => {
  it.each([
    ['mailchimp', 'Each connection to mailchimp has an address of its own.'],
    ['paypal', 'No such provider.'],
    ['Stripe', 'No such provider.'],
    ['__proto__', 'No such provider.'],
  ])('of %s is not found', async (provider, detail) => {
    expect(await post(provider, '{}')).toMatchObject({ status: 404, json: { code: 'webhook-not-found', detail } });
  });

  it('of a provider whose secret is not set says what to set, even to an unsigned request', async () => {
    const bare = await createApiWorld({ providers: allApps('http://127.0.0.1:1') });
    try {
      for (const [provider, variable] of [
        ['stripe', 'STRIPE_WEBHOOK_SECRET'],
        ['square', 'SQUARE_WEBHOOK_SIGNATURE_KEY'],
      ] as const) {
        const body = revocation(provider, anAccount(provider));
        const answer = await post(
          provider,
          body,
          provider === 'square' ? signed(provider, body, { secret: '' }) : {},
          bare,
        );
        expect(answer).toMatchObject({ status: 404, json: { code: 'webhook-not-found' } });
        expect(answer.json.detail).toContain(variable);
      }
    } finally {
      await bare.close();
    }
  });
});

describe('an unavailable service behind us', () => {
  it('does not keep an event from being stored: Temporal, with real processes', async () => {
    const nowhere = awayTemporal();
    const world = await createApiWorld({
      providers: providers(),
      deps: { inboxGateway: createInboxGateway(nowhere) },
    });
    try {
      const body = revocation('square', anAccount('square'));
      expect(await post('square', body, signed('square', body), world)).toMatchObject({ status: 200 });
      expect(await world.drain()).toBe(1);
      // The call must have ended before its connection is closed.
      await expect
        .poll(() => world.logLines.join(''), { timeout: 20_000 })
        .toContain('the drainer of the inbox could not be woken');
    } finally {
      await world.close();
      await nowhere.connection.close();
    }
  }, 30_000);

  it('makes the provider send the event again: Postgres, with real processes', async () => {
    const db = openDatabase({
      url: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
      maxConnections: 1,
      applicationName: 'test',
    });
    const world = await createApiWorld({
      providers: providers(),
      deps: { inbox: createInboxStore(db) },
    });
    try {
      const body = revocation('square', anAccount('square'));
      const answer = await post('square', body, signed('square', body), world);
      expect(answer).toMatchObject({ status: 503, json: { code: 'database-unavailable' } });
      expect(answer.headers.has('retry-after')).toBe(true);
    } finally {
      await world.close();
      await db.$client.end({ timeout: 1 });
    }
  }, 30_000);
});
