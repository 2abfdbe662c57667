import { createHmac } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { WebhooksHelper } from 'square';
import { Stripe } from 'stripe';
import { describe, expect, it } from 'vitest';
import { meaningOf } from '../../providers/kit/webhook-definition.ts';
import type { WebhookReader } from '../../providers/kit/webhook-definition.ts';
import { square } from '../../providers/square/index.ts';
import { stripe } from '../../providers/stripe/index.ts';
import { NO_BUDGET } from './oauth/oauth-world.ts';
import { createTestProviders } from '../support/test-providers.ts';
import { Secret } from '../../vault/secret.ts';

const STRIPE_SECRET = 'whsec_of_a_test';
const SQUARE_KEY = 'a signature key of a test';
const URL_HERE = 'https://interlock.test/webhooks/square';
const SAMPLE = new URL(
  '../../../shared/samples/square-webhook-events/OauthAuthorizationRevokedEvent.json',
  import.meta.url,
);

function readerOf(provider: 'stripe' | 'square', environment: 'sandbox' | 'production' = 'production'): WebhookReader {
  const providers = createTestProviders(
    {
      stripe: { webhookSecret: [new Secret(STRIPE_SECRET)] },
      square: { sandbox: environment === 'sandbox', webhookSignatureKey: [new Secret(SQUARE_KEY)] },
    },
    NO_BUDGET,
  );
  return providers.webhooks(provider)!.reader!;
}

const given = (name: string, value: string | undefined, body: string, url = URL_HERE) => ({
  body: Buffer.from(body),
  header: (asked: string) => (asked === name ? value : undefined),
  url,
});

describe('Square’s signature', () => {
  const reader = readerOf('square');
  const helper = (body: string, signature: string, url = URL_HERE) =>
    WebhooksHelper.verifySignature({
      requestBody: body,
      signatureHeader: signature,
      signatureKey: SQUARE_KEY,
      notificationUrl: url,
    });
  const signature = async (body: string) => {
    const key = await crypto.subtle.importKey(
      'raw',
      new TextEncoder().encode(SQUARE_KEY),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    );
    return Buffer.from(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(URL_HERE + body))).toString(
      'base64',
    );
  };

  it('is accepted exactly when Square’s own helper accepts it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.constantFrom('right', 'other body', 'other address', 'cut', 'longer', 'empty'),
        async (body, kind) => {
          const right = await signature(body);
          const sent = {
            right,
            'other body': await signature(`${body} `),
            'other address': right,
            cut: right.slice(0, -1),
            longer: `${right}=`,
            empty: '',
          }[kind];
          const url = kind === 'other address' ? `${URL_HERE}/` : URL_HERE;
          const ours = reader.isGenuine(given('x-square-hmacsha256-signature', sent, body, url));
          expect(ours).toBe(await helper(body, sent, url));
          expect(ours).toBe(kind === 'right');
        },
      ),
    );
  });

  it('covers raw bytes, including those that are not text', async () => {
    const body = Buffer.from([0x7b, 0xff, 0x7d]);
    const asText = body.toString();
    expect(reader.isGenuine({ ...given('x-square-hmacsha256-signature', await signature(asText), ''), body })).toBe(
      false,
    );
  });
});

describe('Stripe’s signature', () => {
  const reader = readerOf('stripe');
  const body = '{"type":"account.application.deauthorized"}';
  const signed = (options: { readonly secret?: string; readonly ageS?: number; readonly payload?: string } = {}) =>
    Stripe.webhooks.generateTestHeaderString({
      payload: options.payload ?? body,
      secret: options.secret ?? STRIPE_SECRET,
      timestamp: Math.floor(Date.now() / 1_000) - (options.ageS ?? 0),
    });

  it.each<[string, string | undefined, boolean]>([
    ['of this body', signed(), true],
    [
      'of one of two secrets, while the endpoint’s is being replaced',
      `${signed()},${signed({ secret: 'whsec_before' }).split(',')[1] ?? ''}`,
      true,
    ],
    ['of four minutes ago', signed({ ageS: 240 }), true],
    ['of six minutes ago', signed({ ageS: 360 }), false],
    ['with another secret', signed({ secret: 'whsec_other' }), false],
    ['of another body', signed({ payload: `${body} ` }), false],
    ['without its time', signed().split(',')[1], false],
    ['of another scheme', signed().replace('v1=', 'v0='), false],
    ['that is not there', undefined, false],
    ['that is empty', '', false],
  ])('%s', (_case, header, genuine) => {
    expect(reader.isGenuine(given('stripe-signature', header, body))).toBe(genuine);
  });

  it.each<[string, Buffer]>([
    ['a byte order mark', Buffer.from(`\ufeff${body}`)],
    ['a byte that is no UTF-8', Buffer.concat([Buffer.from(body), Buffer.from([0xff])])],
  ])('covers raw bytes: with %s, that of the bytes is right and that of the decoded text is not', (_case, bytes) => {
    const time = String(Math.floor(Date.now() / 1_000));
    const overBytes = createHmac('sha256', STRIPE_SECRET).update(`${time}.`).update(bytes).digest('hex');
    const isGenuine = (header: string) => reader.isGenuine({ ...given('stripe-signature', header, ''), body: bytes });
    expect(isGenuine(`t=${time},v1=${overBytes}`)).toBe(true);
    expect(isGenuine(signed({ payload: new TextDecoder().decode(bytes) }))).toBe(false);
  });
});

describe('an event', () => {
  const deauthorized = {
    id: 'evt_1',
    object: 'event',
    account: 'acct_1',
    livemode: true,
    type: 'account.application.deauthorized',
    created: 1,
    data: { object: { id: 'ca_1', object: 'application', name: 'x' } },
  };

  it.each<[string, object, object | null]>([
    ['of a live account', deauthorized, { environment: 'production', externalAccountId: 'acct_1' }],
    [
      'of a test account',
      { ...deauthorized, livemode: false },
      { environment: 'sandbox', externalAccountId: 'acct_1' },
    ],
  ])('of Stripe’s about a revocation %s tells whose it was', (_case, event, account) => {
    expect(readerOf('stripe').read(event)).toEqual([{ id: 'evt_1', type: deauthorized.type, account, body: null }]);
    expect(meaningOf(stripe.webhooks!, deauthorized.type)).toBe('revoked');
  });

  it.each<[string, 'stripe' | 'square', unknown]>([
    ['without its account', 'stripe', { ...deauthorized, account: undefined }],
    ['with an account that is none', 'stripe', { ...deauthorized, account: '../acct' }],
    ['without its mode', 'stripe', { ...deauthorized, livemode: undefined }],
    ['without a merchant', 'square', { type: 'oauth.authorization.revoked' }],
    ['with an empty merchant', 'square', { type: 'oauth.authorization.revoked', merchant_id: '' }],
    [
      'with a merchant that is too long',
      'square',
      { type: 'oauth.authorization.revoked', merchant_id: 'M'.repeat(256) },
    ],
  ])('%s is about no account', (_case, provider, event) => {
    expect(readerOf(provider).read(event)).toMatchObject([{ account: null }]);
  });

  it.each<[string, 'stripe' | 'square', unknown]>([
    ['without a type', 'square', { merchant_id: 'M1' }],
    ['with an empty type', 'square', { type: '', merchant_id: 'M1' }],
    ['with a type that is too long', 'stripe', { ...deauthorized, type: 't'.repeat(256) }],
    ['that is a list', 'stripe', [deauthorized]],
    ['that is nothing', 'square', null],
  ])('%s is not read', (_case, provider, event) => {
    expect(readerOf(provider).read(event)).toBeNull();
  });

  it.each([
    ['stripe', 'radar.early_fraud_warning.created'],
    ['square', 'labor.shift.created'],
    ['square', '__proto__'],
    ['stripe', 'constructor'],
  ] as const)('of an unknown type means nothing: %s %s', (provider, type) => {
    expect(readerOf(provider).read({ type })).toEqual([{ id: null, type, account: null, body: null }]);
    expect(meaningOf({ stripe, square }[provider].webhooks!, type)).toBeNull();
  });

  it.each(['sandbox', 'production'] as const)(
    'of Square’s belongs to the environment that its key belongs to: %s',
    (environment) => {
      const type = 'oauth.authorization.revoked';
      expect(readerOf('square', environment).read({ type, merchant_id: 'M1' })).toEqual([
        { id: null, type, account: { environment, externalAccountId: 'M1' }, body: null },
      ]);
    },
  );

  it.skipIf(!existsSync(SAMPLE))(
    'is read from Square’s own sample (skipped loudly: the samples are not part of this repository)',
    () => {
      expect(readerOf('square').read(JSON.parse(readFileSync(SAMPLE, 'utf8')))).toMatchObject([
        { type: 'oauth.authorization.revoked', account: { externalAccountId: 'J9Z30SF99NPFJ' } },
      ]);
    },
  );
});

describe('the headers that are kept with an event', () => {
  it('are those that matter later, cut to a length, and never a signature', () => {
    const headers: Readonly<Record<string, string>> = {
      'content-type': 'application/json',
      'user-agent': 'x'.repeat(1_000),
      'square-retry-number': '2',
      'x-square-hmacsha256-signature': 'signature',
      'stripe-signature': 'signature',
      cookie: 'a=b',
    };
    expect(readerOf('square').keptHeaders((name) => headers[name])).toEqual({
      'content-type': 'application/json',
      'user-agent': 'x'.repeat(255),
      'square-retry-number': '2',
    });
    expect(Object.keys(readerOf('stripe').keptHeaders((name) => headers[name]))).toEqual([
      'content-type',
      'user-agent',
    ]);
  });
});

describe('a provider without a configured secret', () => {
  it('has no reader, and names the variable to set', () => {
    const providers = createTestProviders({}, NO_BUDGET);
    expect(providers.webhooks('stripe')).toMatchObject({ reader: null, variable: 'STRIPE_WEBHOOK_SECRET' });
    expect(providers.webhooks('square')).toMatchObject({ reader: null, variable: 'SQUARE_WEBHOOK_SIGNATURE_KEY' });
  });
});
