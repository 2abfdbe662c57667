import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { CodeExchange, Grant, OAuthAdapter } from '../../../providers/oauth.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import type { TestSettings } from '../../support/test-providers.ts';
import { Secret } from '../../../vault/secret.ts';
import { oauthControl, startOAuthSandbox } from '../../support/sandbox/sandbox-oauth.ts';
import type { RunningOAuthSandbox } from '../../support/sandbox/sandbox-oauth.ts';
import { configOf, withWrongCredentials } from '../../support/sandbox/sandbox-config.ts';
import { NO_BUDGET, aCode, counted, oauthOf, refusalOf } from './oauth-world.ts';
import type { AppProvider } from '../../support/test-providers.ts';

type Flow = OAuthAdapter['flow'];
const FLOWS: readonly (readonly [AppProvider, Flow])[] = [
  ['stripe', 'connect'],
  ['stripe', 'app'],
  ['square', 'code'],
  ['square', 'pkce'],
  ['quickbooks', 'code'],
  ['mailchimp', 'code'],
  ['xero', 'code'],
];
const REFRESHED = FLOWS.filter(([provider, flow]) => provider !== 'mailchimp' && flow !== 'connect');
const SINGLE_USE = [
  ['stripe', 'app'],
  ['square', 'pkce'],
] as const;

const REDIRECT_URI = 'https://interlock.example/oauth/x/callback';
const VERIFIER = new Secret('v'.repeat(43));
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The parameters with which the owner returns. */
const callbackSchema = z.object({ code: z.string().min(1), state: z.string(), realmId: z.string().optional() });

describe('an OAuth adapter and its provider', () => {
  let sandbox: RunningOAuthSandbox;
  let config: TestSettings;

  beforeAll(async () => {
    sandbox = await startOAuthSandbox();
    config = configOf(sandbox);
  }, 30_000);
  afterAll(() => sandbox.close());
  beforeEach(async () => {
    for (const { controlUrl } of Object.values(sandboxes())) await oauthControl(controlUrl).reset();
  });

  const sandboxes = () => ({
    stripe: sandbox.stripe,
    square: sandbox.square,
    quickbooks: sandbox.quickbooks,
    mailchimp: sandbox.mailchimp,
    xero: sandbox.xero,
  });
  const control = (provider: AppProvider) => oauthControl(sandboxes()[provider].controlUrl);
  const adapter = (provider: AppProvider, flow: Flow) => oauthOf(config, provider, flow);
  const accountsOf = async (provider: AppProvider) => (await control(provider).accounts()).map(({ id }) => id);

  async function approve(provider: AppProvider, flow: Flow, account?: string): Promise<CodeExchange> {
    const url = await adapter(provider, flow).authorizationUrl({
      state: 'st4te',
      redirectUri: REDIRECT_URI,
      codeVerifier: VERIFIER,
      scopes: null,
    });
    const { redirectUrl } = await control(provider).approve(url, account);
    const { code, state, realmId } = callbackSchema.parse(Object.fromEntries(new URL(redirectUrl).searchParams));
    expect([state, redirectUrl.startsWith(REDIRECT_URI)]).toEqual(['st4te', true]);
    return {
      code: new Secret(code),
      codeVerifier: VERIFIER,
      redirectUri: REDIRECT_URI,
      parameters: realmId === undefined ? {} : { realmId },
    };
  }
  /** A grant as it is stored: with what the question for its account has told, where the exchange does not name it. */
  async function connect(provider: AppProvider, flow: Flow, account?: string): Promise<Grant> {
    const oauth = adapter(provider, flow);
    const grant = await oauth.exchange(await approve(provider, flow, account), counted());
    if (oauth.accountIdOf(grant) !== null) return grant;
    const { context } = await oauth.account(grant, counted());
    return { ...grant, context: { ...grant.context, ...context } };
  }

  describe.each(FLOWS)('%s by %s', (provider, flow) => {
    it('connects and names the account that its owner chose', async () => {
      for (const account of await accountsOf(provider)) {
        const grant = await connect(provider, flow, account);
        const calls = counted();
        const found = await adapter(provider, flow).account(grant, calls);
        expect(found).toMatchObject({ externalAccountId: account, environment: adapter(provider, flow).environment });
        expect(found.name).toEqual(expect.any(String));
        expect(calls.made()).toBeGreaterThan(0);
      }
    });

    it('accepts a code once', async () => {
      const code = await approve(provider, flow);
      await adapter(provider, flow).exchange(code, counted());
      expect(await refusalOf(adapter(provider, flow).exchange(code, counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
    });

    it('rejects a code that was never issued', async () => {
      expect(await refusalOf(adapter(provider, flow).exchange(aCode(), counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
    });

    it('reports our app as refused, not the grant, when our own credentials are wrong', async () => {
      const code = await approve(provider, flow);
      const wrong = oauthOf(withWrongCredentials(config), provider, flow);
      expect(await refusalOf(wrong.exchange(code, counted()))).toMatchObject({
        kind: 'unavailable',
        code: 'invalid_client',
      });
      const grant = await adapter(provider, flow).exchange(code, counted());
      if (wrong.refresh)
        expect(await refusalOf(wrong.refresh(grant, counted()))).toMatchObject({
          kind: 'unavailable',
          code: 'invalid_client',
        });
      if (flow === 'connect')
        expect(await refusalOf(wrong.account(grant, counted()))).toMatchObject({
          kind: 'unavailable',
          code: 'invalid_client',
        });
    });

    it('reports access that the owner has revoked', async () => {
      const grant = await connect(provider, flow);
      const account =
        grantedAccount(grant) ?? (await adapter(provider, flow).account(grant, counted())).externalAccountId;
      await control(provider).revoke(account);
      expect(await refusalOf(adapter(provider, flow).account(grant, counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
      const { refresh } = adapter(provider, flow);
      if (refresh) expect(await refusalOf(refresh(grant, counted()))).toMatchObject({ kind: 'needs-reauth' });
    });

    it('revokes a grant where possible, and treats a missing one as revoked', async () => {
      const grant = await connect(provider, flow);
      const { revoke } = adapter(provider, flow);
      if (!revoke) {
        expect([provider, flow]).toEqual(provider === 'stripe' ? ['stripe', 'app'] : ['mailchimp', 'code']);
        return;
      }
      await revoke(grant, counted());
      expect(await refusalOf(adapter(provider, flow).account(grant, counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
      await revoke(grant, counted());
      const wrong = oauthOf(withWrongCredentials(config), provider, flow);
      expect(await refusalOf(wrong.revoke!(await connect(provider, flow), counted()))).toMatchObject({
        kind: 'unavailable',
        code: 'invalid_client',
      });
    });

    it('keeps two venues apart when both connect and call concurrently', async () => {
      const [one = ''] = await accountsOf(provider);
      const two = (await control(provider).addAccount('Second')).id;
      const codes = await Promise.all(
        Array.from({ length: 6 }, (_, index) => approve(provider, flow, index % 2 === 0 ? one : two)),
      );
      const grants = await Promise.all(codes.map((code) => adapter(provider, flow).exchange(code, counted())));
      const tokens = grants.map(({ accessToken }) => accessToken.expose());
      expect(new Set(tokens).size).toBe(6);
      const accounts = await Promise.all(grants.map((grant) => adapter(provider, flow).account(grant, counted())));
      expect(accounts.map(({ externalAccountId }) => externalAccountId)).toEqual([one, two, one, two, one, two]);
    });

    it('survives an outage of the exchange: an unspent code can still be exchanged', async () => {
      const code = await approve(provider, flow);
      await control(provider).fault({ match: { path: '.*token.*' }, kind: 'status', status: 503, times: 1 });
      expect(await refusalOf(adapter(provider, flow).exchange(code, counted()))).toMatchObject({
        kind: 'unavailable',
        httpStatus: 503,
      });
      await adapter(provider, flow).exchange(code, counted());
    });
  });

  describe.each(REFRESHED)('%s by %s, refreshed', (provider, flow) => {
    it('has a new access token for the same account and keeps everything else', async () => {
      const before = await connect(provider, flow);
      const after = await adapter(provider, flow).refresh!(before, counted());
      expect(after.accessToken.expose()).not.toBe(before.accessToken.expose());
      expect(after.context).toEqual(before.context);
      expect(after.scopes).toEqual(before.scopes);
      expect(await adapter(provider, flow).account(after, counted())).toMatchObject({
        externalAccountId: grantedAccount(before),
      });
    });

    it('is due before its access token expires, early enough to outlast an outage', async () => {
      const obtainedAt = new Date();
      const { accessExpiresAt } = await connect(provider, flow);
      const due = adapter(provider, flow).refreshAt({ obtainedAt, accessExpiresAt })!;
      const spareMs = accessExpiresAt!.getTime() - due.getTime();
      expect(due.getTime()).toBeGreaterThan(obtainedAt.getTime());
      expect(spareMs).toBeGreaterThan(provider === 'square' ? 20 * DAY_MS : 10 * 60_000);
    });

    it('can repeat a refresh whose answer was lost, for exactly the declared time', async () => {
      const before = await connect(provider, flow);
      await control(provider).fault({
        match: { path: '.*(token|bearer)' },
        kind: 'commit-then-fail',
        status: 500,
        times: 1,
      });
      const { refresh, previousTokenGraceMs } = adapter(provider, flow);
      expect(await refusalOf(refresh!(before, counted()))).toMatchObject({ kind: 'unavailable', httpStatus: 500 });
      if (previousTokenGraceMs === 0)
        expect(await refusalOf(refresh!(before, counted()))).toMatchObject({ kind: 'needs-reauth' });
      else
        expect(
          (await adapter(provider, flow).account(await refresh!(before, counted()), counted())).externalAccountId,
        ).toBeTruthy();
    });

    it('reports an expired access token, and recovers by a refresh', async () => {
      const grant = await connect(provider, flow);
      await control(provider).expire(grantedAccount(grant)!, 'access');
      expect(await refusalOf(adapter(provider, flow).account(grant, counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
      await adapter(provider, flow).account(await adapter(provider, flow).refresh!(grant, counted()), counted());
    });

    it('ends when the refresh token has expired', async () => {
      const grant = await connect(provider, flow);
      await control(provider).expire(grantedAccount(grant)!, 'all');
      expect(await refusalOf(adapter(provider, flow).refresh!(grant, counted()))).toMatchObject({
        kind: 'needs-reauth',
      });
    });
  });

  it.each(SINGLE_USE)('%s by %s never accepts a refresh token twice', async (provider, flow) => {
    const before = await connect(provider, flow);
    const after = await adapter(provider, flow).refresh!(before, counted());
    expect(after.refreshToken?.expose()).not.toBe(before.refreshToken?.expose());
    expect(await refusalOf(adapter(provider, flow).refresh!(before, counted()))).toMatchObject({
      kind: 'needs-reauth',
    });
  });

  it('Square’s code flow keeps its refresh token', async () => {
    const before = await connect('square', 'code');
    const after = await adapter('square', 'code').refresh!(before, counted());
    expect([after.refreshToken?.expose(), after.refreshExpiresAt, after.hardExpiresAt]).toEqual([
      before.refreshToken?.expose(),
      null,
      null,
    ]);
  });

  it('PKCE rejects a code without its verifier', async () => {
    const code = await approve('square', 'pkce');
    expect(
      await refusalOf(
        adapter('square', 'pkce').exchange({ ...code, codeVerifier: new Secret('w'.repeat(43)) }, counted()),
      ),
    ).toMatchObject({ kind: 'needs-reauth' });
  });

  it('QuickBooks tells when an idle grant expires and when any grant expires', async () => {
    const nowMs = Date.now();
    const { refreshExpiresAt, hardExpiresAt } = await connect('quickbooks', 'code');
    const days = [refreshExpiresAt, hardExpiresAt].map((at) => Math.round((at!.getTime() - nowMs) / DAY_MS));
    expect(days[0]).toBeGreaterThan(99);
    expect(days[0]).toBeLessThan(103);
    expect(days[1]).toBeGreaterThan(5 * 365 - 2);
    expect(days[1]).toBeLessThan(5 * 366 + 2);
  });

  it('QuickBooks spends no code without its company', async () => {
    const code = await approve('quickbooks', 'code');
    for (const parameters of [{}, { realmId: '' }, { realmId: '1/../2' }, { realmId: '12a' }])
      expect(await refusalOf(adapter('quickbooks', 'code').exchange({ ...code, parameters }, counted()))).toMatchObject(
        {
          kind: 'rejected',
          code: 'realm-missing',
        },
      );
    await adapter('quickbooks', 'code').exchange(code, counted());
  });

  it('QuickBooks refuses a token for another company', async () => {
    const [one, two] = await accountsOf('quickbooks');
    const grant = await connect('quickbooks', 'code', one);
    expect(
      await refusalOf(adapter('quickbooks', 'code').account({ ...grant, context: { realmId: two! } }, counted())),
    ).toMatchObject({ kind: 'needs-reauth', code: '3100' });
  });

  it('Stripe Connect calls with the platform’s key for the account, and needs no stored secret', async () => {
    const grant = await connect('stripe', 'connect');
    const { secretKey, onBehalfOf } = adapter('stripe', 'connect').credential(grant);
    expect([secretKey.expose(), onBehalfOf]).toEqual([sandbox.stripe.platformKey, grant.context['stripe_user_id']]);
    expect([grant.refreshToken, grant.accessExpiresAt, adapter('stripe', 'connect').refresh]).toEqual([
      null,
      null,
      null,
    ]);
  });

  it('a Stripe App calls with the access token itself, which lasts an hour', async () => {
    const grant = await connect('stripe', 'app');
    expect(adapter('stripe', 'app').credential(grant)).toEqual({ secretKey: grant.accessToken });
    const lifeMs = grant.accessExpiresAt!.getTime() - Date.now();
    expect(lifeMs).toBeGreaterThan(HOUR_MS - 60_000);
    expect(lifeMs).toBeLessThanOrEqual(HOUR_MS);
  });

  it.each(['connect', 'app'] as const)(
    'Stripe’s records are read with the grant of %s, and with nobody’s once it is taken back',
    async (flow) => {
      const [account = ''] = await accountsOf('stripe');
      const grant = await connect('stripe', flow, account);
      const providers = createTestProviders(config, NO_BUDGET);
      const session = providers.open('stripe', {
        ...adapter('stripe', flow).credential(grant),
        account: { environment: 'sandbox', externalAccountId: account },
        lane: 'bulk',
      });
      const [theirs] = await control('stripe')
        .send<{ readonly ids: readonly string[] }>('POST', '/seed', {
          resource: 'customers',
          records: [{ name: 'Ana' }],
          account,
        })
        .then(({ ids }) => ids);
      const page = await session
        .resource('customers')
        .listPage({ stream: 'customers', fromEpochS: null, toEpochS: 4_000_000_000, after: null });
      expect(page.records.map(({ externalId }) => externalId)).toEqual([theirs]);
      await control('stripe').revoke(account);
      expect(await refusalOf(session.account())).toMatchObject({ kind: 'needs-reauth' });
    },
  );

  it('Square tells the granted scopes, and connects without the merchant’s name when that scope is missing', async () => {
    const url = await adapter('square', 'code').authorizationUrl({
      state: 's',
      redirectUri: REDIRECT_URI,
      codeVerifier: VERIFIER,
      scopes: ['ITEMS_READ'],
    });
    const { redirectUrl } = await control('square').approve(url);
    const grant = await adapter('square', 'code').exchange(
      { ...(await approve('square', 'code')), code: new Secret(new URL(redirectUrl).searchParams.get('code')!) },
      counted(),
    );
    expect(await adapter('square', 'code').account(grant, counted())).toMatchObject({
      name: null,
      scopes: ['ITEMS_READ'],
    });
  });
});

const grantedAccount = ({ context }: Grant) =>
  context['stripe_user_id'] ?? context['merchant_id'] ?? context['realmId'] ?? context['tenantId'];
