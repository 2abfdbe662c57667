import { createHmac, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import { freePort } from '../../../runtime/start/ports.ts';
import { registry } from '../../../telemetry/metrics.ts';
import { createApiWorld, PUBLIC_URL } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { anAccount, mailchimpEvent, providers, QUICKBOOKS_TOKEN, revocation, signed } from './webhook-deliveries.ts';

const MIB = 1_048_576;

let api: ApiWorld;
let mailchimpPath: string;
beforeAll(async () => {
  api = await createApiWorld({ providers: providers() });
  const [venueId, connectionId] = [await api.aVenue(), uuidv7() as ConnectionId];
  await api.database
    .admin`insert into connections (id, venue_id, provider, environment, state, external_account_id) values (${connectionId}, ${venueId}, 'mailchimp', 'production', 'active', 'an-account')`;
  const answer = await api.send('POST', `/v1/venues/${venueId}/connections/${connectionId}/webhook-endpoint`);
  mailchimpPath = (answer.json as unknown as { url: string }).url.slice(PUBLIC_URL.length);
});
afterAll(() => api.close());
beforeEach(() => api.database.admin`truncate webhook_events cascade`);

const PROVIDERS = ['stripe', 'square', 'quickbooks', 'mailchimp'] as const;
type Provider = (typeof PROVIDERS)[number];
const SIGNED = PROVIDERS.filter((provider) => provider !== 'mailchimp');
const IN_JSON = SIGNED;

const pathOf = (provider: Provider) => (provider === 'mailchimp' ? mailchimpPath : `/webhooks/${provider}`);

/** A good event of the provider's. */
const eventOf = (provider: Provider): string =>
  provider === 'mailchimp'
    ? mailchimpEvent({ nonce: randomUUID() })
    : provider === 'quickbooks'
      ? JSON.stringify([{ id: randomUUID(), type: 'qbo.item.created.v1', intuitaccountid: '1' }])
      : revocation(provider, anAccount(provider));

/** As the provider signs it; Mailchimp does not. */
function signatureOf(provider: Provider, body: Buffer | string, secret?: string): Record<string, string> {
  if (provider === 'mailchimp') return {};
  if (provider === 'quickbooks')
    return {
      'intuit-signature': createHmac('sha256', secret ?? QUICKBOOKS_TOKEN)
        .update(body)
        .digest('base64'),
    };
  return signed(provider, body, secret === undefined ? {} : { secret });
}

interface Sent {
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** In chunks of this many bytes. */
  readonly chunk?: number;
  readonly unfinished?: boolean;
  readonly world?: ApiWorld;
}

/** Posts exactly these bytes with exactly these headers, signed unless the headers say otherwise. */
function post(provider: Provider, body: Buffer | string, { headers = {}, chunk, unfinished, world = api }: Sent = {}) {
  const bytes = Buffer.from(body);
  const all: Readonly<Record<string, string | undefined>> = {
    ...signatureOf(provider, bytes),
    ...(chunk ? {} : { 'content-length': String(bytes.length) }),
    ...headers,
  };
  const given = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new Promise<{ readonly status: number; readonly code: string }>((resolve, reject) => {
    const sent = request(
      { port: world.port, path: pathOf(provider), method: 'POST', agent: false, headers: Object.fromEntries(given) },
      (response) => {
        const pieces: Buffer[] = [];
        response.on('data', (piece: Buffer) => pieces.push(piece));
        response.on('end', () => {
          sent.destroy();
          const { code = '' } = JSON.parse(Buffer.concat(pieces).toString()) as { code?: string };
          resolve({ status: response.statusCode ?? 0, code });
        });
      },
    ).on('error', reject);
    for (let at = 0; at < bytes.length; at += chunk ?? bytes.length)
      sent.write(bytes.subarray(at, at + (chunk ?? bytes.length)));
    if (!unfinished) sent.end();
  });
}

const countKept = async () =>
  (await api.database.admin<{ count: number }[]>`select count(*)::integer as count from webhook_events`)[0]?.count;
/** What metrics show of the provider: 0 before its first event. */
async function lastReceived(provider: Provider): Promise<number> {
  const text = await registry.getSingleMetricAsString('interlock_webhook_last_received_timestamp_seconds');
  return Number(new RegExp(`provider="${provider}"\\} (\\S+)`).exec(text)?.[1]);
}
const accepted = { status: 200, code: '' };

/** Pads a body without changing what it says. */
const padded = (provider: Provider, bytes: number): string => {
  const event = eventOf(provider);
  const missing = bytes - Buffer.byteLength(event);
  return provider === 'mailchimp'
    ? `${event}&padding=${'x'.repeat(missing - '&padding='.length)}`
    : event + ' '.repeat(missing);
};

describe.each(PROVIDERS)('a webhook of %s', (provider) => {
  it('with its usual body is accepted, so that the refusals below have another reason', async () => {
    const before = await lastReceived(provider);
    await post(provider, '');
    expect(await lastReceived(provider)).toBe(before);
    expect(await post(provider, eventOf(provider))).toEqual(accepted);
    expect(await countKept()).toBe(1);
    expect(await lastReceived(provider)).toBeGreaterThan(before);
  });

  it.each<[string, string | undefined]>([
    ['no content type', undefined],
    ['an odd content type', 'image/png'],
    ['a content type that is none', ';;;'],
    ['a charset that is none', 'application/json; charset=klingon'],
  ])('with %s is accepted, since the signed bytes decide', async (_case, type) => {
    expect(await post(provider, eventOf(provider), { headers: { 'content-type': type } })).toEqual(accepted);
  });

  it('in chunks is accepted', async () => {
    expect(await post(provider, eventOf(provider), { chunk: 7 })).toEqual(accepted);
    expect(await countKept()).toBe(1);
  });

  it('of exactly a megabyte is accepted, and of one byte more refused, announced or not', async () => {
    expect(await post(provider, padded(provider, MIB))).toEqual(accepted);
    expect(await countKept()).toBe(1);
    const tooLarge = { status: 413, code: 'body-too-large' };
    expect(await post(provider, padded(provider, MIB + 1))).toEqual(tooLarge);
    expect(await post(provider, padded(provider, MIB + 1), { chunk: 65_536 })).toEqual(tooLarge);
    expect(await countKept()).toBe(1);
  });

  it('that is compressed is refused unread, also one that would become huge', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * MIB, ' '));
    for (const encoding of ['gzip', 'br', 'deflate', 'zstd'])
      expect(await post(provider, bomb, { headers: { 'content-encoding': encoding } })).toEqual({
        status: 415,
        code: 'unsupported-media-type',
      });
    expect(await countKept()).toBe(0);
  });

  it('with an empty body is refused', async () => {
    expect((await post(provider, '')).status).toBe(400);
    expect(await countKept()).toBe(0);
  });

  it('with a body that never ends is refused in time', async () => {
    const body = eventOf(provider);
    const headers = { 'content-length': String(body.length + 100) };
    expect(await post(provider, body, { headers, unfinished: true })).toEqual({ status: 408, code: 'request-timeout' });
    expect(await countKept()).toBe(0);
  });

  it('with bytes that are no UTF-8 is refused', async () => {
    const body = Buffer.concat([Buffer.from(eventOf(provider)), Buffer.from([0xff, 0xfe])]);
    expect(await post(provider, body)).toEqual({ status: 400, code: 'invalid-encoding' });
    expect(await countKept()).toBe(0);
  });

  it('is answered 503 and never 200 while Postgres is away', async () => {
    const db = openDatabase({
      url: `postgres://nobody@127.0.0.1:${await freePort()}/nothing`,
      maxConnections: 1,
      applicationName: 'test',
    });
    const { webhookEndpoints } = api;
    const world = await createApiWorld({
      providers: providers(),
      deps: { inbox: createInboxStore(db), webhookEndpoints },
    });
    try {
      expect(await post(provider, eventOf(provider), { world })).toEqual({ status: 503, code: 'database-unavailable' });
    } finally {
      await world.close();
      await db.$client.end({ timeout: 1 });
    }
  });
});

describe.each(SIGNED)('a signature of %s', (provider) => {
  const nameOf = () => Object.keys(signatureOf(provider, ''))[0] ?? '';

  it.each<[string, (right: string) => string | undefined]>([
    ['that is missing', () => undefined],
    ['that is empty', () => ''],
    ['that is no signature', () => 'x'],
    ['that is cut', (right) => right.slice(0, -3)],
    ['with more behind it', (right) => `${right}AAAA`],
    ['of zeros', (right) => right.replace(/[^=,tv]/g, '0')],
    ['of 10,000 characters', () => 'x'.repeat(10_000)],
  ])('%s is refused', async (_case, change) => {
    const body = eventOf(provider);
    const headers = { [nameOf()]: change(signatureOf(provider, body)[nameOf()] ?? '') };
    expect(await post(provider, body, { headers })).toEqual({ status: 401, code: 'webhook-not-signed' });
    expect(await countKept()).toBe(0);
  });

  it('with the secret of another installation, or of another event, is refused', async () => {
    const body = eventOf(provider);
    for (const headers of [signatureOf(provider, body, 'whsec_another'), signatureOf(provider, eventOf(provider))])
      expect(await post(provider, body, { headers })).toEqual({ status: 401, code: 'webhook-not-signed' });
    expect(await countKept()).toBe(0);
  });
});

describe('Stripe’s signed time', () => {
  it.each([
    ['stale', 301 + 30, 401],
    ['recent', 270, 200],
    // The SDK bounds the past alone; a clock that is ahead at Stripe's must not lose events.
    ['in the future', -3_600, 200],
  ])('that is %s is answered accordingly', async (_case, ageS, status) => {
    const body = eventOf('stripe');
    expect((await post('stripe', body, { headers: signed('stripe', body, { ageS }) })).status).toBe(status);
  });
});

describe.each(IN_JSON)('JSON of %s', (provider) => {
  const wrap = (text: string) => (provider === 'quickbooks' ? `[${text}]` : text);
  const fieldsOf = () => {
    const event = JSON.parse(eventOf(provider)) as unknown;
    return JSON.stringify(Array.isArray(event) ? event[0] : event).slice(1, -1);
  };

  it.each<[string, string]>([
    ['a key __proto__', '"__proto__": {"type": "hacked", "merchant_id": "x"}'],
    ['a key constructor', '"constructor": {"prototype": {"type": "hacked"}}'],
    ['U+0000 in a text', '"note": "a\\u0000b"'],
    ['a lone surrogate', '"note": "\\ud800"'],
    ['a number that no double holds', '"n": 1e999999'],
  ])('with %s is accepted as the event that it is', async (_case, extra) => {
    expect(await post(provider, wrap(`{${fieldsOf()}, ${extra}}`))).toEqual(accepted);
    const kept = await api.database.admin<{ type: string }[]>`select type from webhook_events`;
    expect(kept).toHaveLength(1);
    expect(kept[0]?.type).not.toBe('hacked');
    expect(({} as Record<string, unknown>)['type']).toBeUndefined();
  });

  it.each<[string, string, string]>([
    ['that is nested without end', `${'['.repeat(50_000)}${']'.repeat(50_000)}`, 'too-deeply-nested'],
    ['of too many values', `[${'0,'.repeat(200_000)}0]`, 'too-many-values'],
    ['that is cut', '{"type": "x', 'malformed-json'],
    ['that is a text', '"type"', 'invalid-request'],
    ['that is null', 'null', 'invalid-request'],
    ['that is a number', '7', 'invalid-request'],
  ])('%s is refused', async (_case, body, code) => {
    expect(await post(provider, body)).toEqual({ status: 400, code });
    expect(await countKept()).toBe(0);
  });
});

describe('an address that is none', () => {
  it.each([
    ['/webhooks/paypal'],
    ['/webhooks/'],
    ['/webhooks/__proto__'],
    ['/webhooks/stripe/short'],
    [`/webhooks/stripe/${'a'.repeat(43)}`],
    [`/webhooks/mailchimp/${'a'.repeat(43)}`],
    [`/webhooks/mailchimp/${'a'.repeat(5_000)}`],
    ['/webhooks/mailchimp/%00'],
    [`/webhooks/square/${'a'.repeat(43)}`],
    [`/webhooks/stripe/${'a'.repeat(43)}/more`],
  ])('%s is not found', async (path) => {
    const body = eventOf('stripe');
    const answer = await api.send('POST', path, { token: null, body, headers: signatureOf('stripe', body) });
    expect(answer.status).toBe(404);
  });

  it('answers a path that is not decodable as a bad request', async () => {
    expect((await api.send('POST', '/webhooks/mailchimp/%ff', { token: null, body: 'x' })).status).toBe(400);
  });
});
