import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { Secret } from '../../../vault/secret.ts';
import { allApps } from '../openapi/all-apps.ts';
import { PUBLIC_URL } from '../api-world.ts';

export type Receiver = 'stripe' | 'square';

export const STRIPE_SECRET = `whsec_${randomBytes(12).toString('hex')}`;
export const SQUARE_KEY = randomBytes(12).toString('base64url');
export const QUICKBOOKS_TOKEN = randomBytes(16).toString('hex');
const XERO_KEY = randomBytes(16).toString('hex');
export const QUICKBOOKS_TOKEN_BEFORE = randomBytes(16).toString('hex');

/** `xeroKey` is that of a stand-in which signs with one of its own. */
export function providers({ xeroKey = XERO_KEY } = {}) {
  const apps = allApps('http://127.0.0.1:1');
  return {
    ...apps,
    stripe: { ...apps.stripe, webhookSecret: [new Secret(STRIPE_SECRET)] },
    square: { ...apps.square, webhookSignatureKey: [new Secret(SQUARE_KEY)] },
    xero: { ...apps.xero, webhookKey: [new Secret(xeroKey)] },
    quickbooks: {
      ...apps.quickbooks,
      webhookToken: [new Secret(QUICKBOOKS_TOKEN), new Secret(QUICKBOOKS_TOKEN_BEFORE)],
    },
  };
}

export const anAccount = (provider: Receiver) =>
  provider === 'stripe'
    ? `acct_${randomBytes(8).toString('hex')}`
    : `ML${randomBytes(6).toString('hex').toUpperCase()}`;

/** The event that the provider sends when the account owner has revoked the access. */
export function revocation(provider: Receiver, account: string): string {
  const event =
    provider === 'stripe'
      ? {
          id: `evt_${randomUUID()}`,
          object: 'event',
          account,
          livemode: false,
          created: 1,
          type: 'account.application.deauthorized',
          data: { object: { id: 'ca_1', object: 'application', name: 'Corner Café' } },
        }
      : {
          merchant_id: account,
          type: 'oauth.authorization.revoked',
          event_id: randomUUID(),
          created_at: '2020-08-14T15:51:04.246373287Z',
          data: {
            type: 'revocation',
            id: randomUUID(),
            object: { revocation: { revoked_at: '2020-08-14T15:51:00Z', revoker_type: 'MERCHANT' } },
          },
        };
  return JSON.stringify(event, null, 2);
}

/** Providers that sign the body alone, by HMAC-SHA256 in base64. */
const BODY_SIGNED = {
  xero: { header: 'x-xero-signature', key: XERO_KEY },
  quickbooks: { header: 'intuit-signature', key: QUICKBOOKS_TOKEN },
} as const;

export function signed(
  provider: Receiver | 'quickbooks' | 'xero',
  body: string | Buffer,
  {
    secret,
    ageS = 0,
    url = `${PUBLIC_URL}/webhooks/square`,
  }: { readonly secret?: string; readonly ageS?: number; readonly url?: string } = {},
): Record<string, string> {
  if (provider === 'xero' || provider === 'quickbooks') {
    const { header, key } = BODY_SIGNED[provider];
    return {
      [header]: createHmac('sha256', secret ?? key)
        .update(body)
        .digest('base64'),
    };
  }
  if (provider === 'square')
    return {
      'x-square-hmacsha256-signature': createHmac('sha256', secret ?? SQUARE_KEY)
        .update(url)
        .update(body)
        .digest('base64'),
    };
  // Not by the SDK, which signs decoded text in place of the bytes that are sent.
  const time = Math.floor(Date.now() / 1_000) - ageS;
  const v1 = createHmac('sha256', secret ?? STRIPE_SECRET)
    .update(`${String(time)}.`)
    .update(body)
    .digest('hex');
  return { 'stripe-signature': `t=${String(time)},v1=${v1}` };
}

/** A form as Mailchimp sends it. */
export const mailchimpEvent = (fields: Readonly<Record<string, string>> = {}) =>
  new URLSearchParams({
    type: 'profile',
    fired_at: '2026-11-28 15:30:00',
    'data[id]': '8a25ff1d98',
    'data[list_id]': 'a6b5da1054',
    'data[email]': 'ada@shop.test',
    'data[merges][FNAME]': 'Ada',
    ...fields,
  }).toString();
