import { describe, expect, it } from 'vitest';
import { aCode, adapterAt, counted, sendJson } from './oauth-world.ts';

const DAY_MS = 24 * 3_600_000;
const daysUntil = (at: Date | null): number | null => at && Math.round((at.getTime() - Date.now()) / DAY_MS);

/** An answer to the exchange with every field, and the fields that a grant may lack. */
const ANSWERS = [
  [
    'stripe',
    'connect',
    {
      access_token: 'a',
      token_type: 'bearer',
      stripe_user_id: 'acct_1',
      refresh_token: 'r',
      scope: 'read_write',
      livemode: false,
      stripe_publishable_key: 'pk',
    },
    ['token_type', 'refresh_token', 'scope', 'livemode', 'stripe_publishable_key'],
  ],
  [
    'stripe',
    'app',
    {
      access_token: 'a',
      token_type: 'bearer',
      stripe_user_id: 'acct_1',
      refresh_token: 'r',
      scope: 'stripe_apps',
      livemode: false,
    },
    ['token_type', 'refresh_token', 'scope', 'livemode', 'stripe_user_id'],
  ],
  [
    'square',
    'code',
    {
      access_token: 'a',
      token_type: 'bearer',
      expires_at: '2026-12-21T12:00:00Z',
      merchant_id: 'M1',
      refresh_token: 'r',
      short_lived: false,
    },
    ['token_type', 'expires_at', 'merchant_id', 'refresh_token', 'short_lived'],
  ],
  [
    'square',
    'pkce',
    {
      access_token: 'a',
      token_type: 'bearer',
      expires_at: '2026-12-21T12:00:00Z',
      merchant_id: 'M1',
      refresh_token: 'r',
      refresh_token_expires_at: '2027-02-19T12:00:00Z',
    },
    ['token_type', 'expires_at', 'merchant_id', 'refresh_token', 'refresh_token_expires_at'],
  ],
  [
    'quickbooks',
    'code',
    {
      access_token: 'a',
      token_type: 'bearer',
      expires_in: 3600,
      refresh_token: 'r',
      x_refresh_token_expires_in: 8_726_400,
      x_refresh_token_hard_expires_in: 86_400,
      id_token: 'x.y.z',
    },
    [
      'token_type',
      'expires_in',
      'refresh_token',
      'x_refresh_token_expires_in',
      'x_refresh_token_hard_expires_in',
      'id_token',
    ],
  ],
  [
    'mailchimp',
    'code',
    { access_token: 'a', token_type: 'bearer', expires_in: 0, scope: null },
    ['token_type', 'expires_in', 'scope'],
  ],
  [
    'xero',
    'code',
    { access_token: 'a', token_type: 'Bearer', expires_in: 1_800, refresh_token: 'r', scope: 'offline_access' },
    ['token_type', 'expires_in', 'refresh_token', 'scope'],
  ],
] as const;

describe.each(ANSWERS)('an exchange at %s by %s', (provider, flow, whole, optional) => {
  async function exchange(answer: object) {
    const { adapter } = await adapterAt(provider, flow, (_asked, res) => {
      sendJson(res, answer);
    });
    return adapter.exchange(aCode(), counted());
  }

  it('is accepted with every field', async () => {
    expect((await exchange(whole)).accessToken.expose()).toBe('a');
  });

  it.each(optional)('is accepted with a missing, null or malformed %s', async (field) => {
    const rest = Object.fromEntries(Object.entries(whole).filter(([name]) => name !== field));
    expect((await exchange(rest)).accessToken.expose()).toBe('a');
    // A token of an unknown type may not be usable.
    if (field === 'token_type') return;
    for (const value of [null, '', {}, -1])
      expect((await exchange({ ...rest, [field]: value })).accessToken.expose(), JSON.stringify(value)).toBe('a');
  });
});

describe('a lifetime missing from the answer', () => {
  it('is the documented one: QuickBooks', async () => {
    const { adapter } = await adapterAt('quickbooks', 'code', (_asked, res) => {
      sendJson(res, { access_token: 'a', token_type: 'bearer', refresh_token: 'r' });
    });
    const grant = await adapter.exchange(aCode(), counted());
    expect(Math.round((grant.accessExpiresAt!.getTime() - Date.now()) / 60_000)).toBe(60);
    expect([daysUntil(grant.refreshExpiresAt), daysUntil(grant.hardExpiresAt)]).toEqual([100, 5 * 365]);
  });

  it('is the documented one: Square', async () => {
    const { adapter } = await adapterAt('square', 'code', (_asked, res) => {
      sendJson(res, { access_token: 'a' });
    });
    const grant = await adapter.exchange(aCode(), counted());
    expect([daysUntil(grant.accessExpiresAt), grant.refreshExpiresAt]).toEqual([30, null]);
  });
});

describe('the account of a grant', () => {
  it.each([
    ['stripe', 'app', { id: 'acct_1', object: 'account' }, { stripe_user_id: 'acct_1' }],
    ['square', 'code', { scopes: ['ITEMS_READ'], merchant_id: 'M1' }, { merchant_id: 'M1' }],
  ] as const)(
    'is learnt from the account where the exchange of %s does not say so',
    async (provider, flow, account, context) => {
      const { adapter } = await adapterAt(provider, flow, ({ path }, res) => {
        sendJson(res, path.endsWith('/token') ? { access_token: 'sk_test_a', token_type: 'bearer' } : account);
      });
      const grant = await adapter.exchange(aCode(), counted());
      expect(await adapter.account(grant, counted())).toMatchObject({
        externalAccountId: Object.values(context)[0],
        context,
      });
    },
  );
});
