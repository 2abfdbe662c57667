import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { attemptOf } from '../../../api/connections/authorization-states.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { allApps } from '../openapi/all-apps.ts';
import { aKey, aToken, createApiWorld, pathsOf, PUBLIC_URL, RETURN_URL } from '../api-world.ts';
import type { Answered, ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let path: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  api.connectionGateway.away = false;
  venueId = await api.aVenue();
  path = `/v1/venues/${venueId}/connections`;
});

const begin = (provider: ProviderId = 'square', more: object = {}, headers = {}) =>
  api.send('POST', path, { json: { provider, environment: api.environmentOf(provider), ...more }, headers });
const stateIn = ({ json }: Answered) => new URL(json.authorizationUrl).searchParams.get('state') ?? '';
const inputOf = (answer: Answered) => api.connectionGateway.inputs.get(attemptOf(stateIn(answer)));
const audits = async () =>
  api.database
    .admin`select action, actor, outcome, target_id, details from audit_log where venue_id = ${venueId} order by id`;
const stored = async () => (await api.send('GET', path)).json.data;

describe('connecting by consent', () => {
  it.each([
    ['stripe', undefined, 'connect'],
    ['stripe', 'app', 'app'],
    ['square', undefined, 'pkce'],
    ['square', 'code', 'code'],
    ['quickbooks', undefined, 'code'],
    ['mailchimp', undefined, 'code'],
  ] as const)(
    'of %s (flow %s) answers 201 connecting, with a URL valid for ten minutes',
    async (provider, asked, flow) => {
      const answer = await begin(provider, asked === undefined ? {} : { flow: asked });
      expect(answer).toMatchObject({
        status: 201,
        json: { venueId, provider, state: 'connecting', flow, account: null, scopes: [] },
      });
      expect(answer.headers.get('location')).toBe(`${path}/${answer.json.id}`);
      expect(stateIn(answer)).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(new URL(answer.json.authorizationUrl).searchParams.get('redirect_uri')).toBe(
        `${PUBLIC_URL}/oauth/${provider}/callback`,
      );
      const leftMs = Date.parse(answer.json.expiresAt) - Date.now();
      expect(leftMs).toBeGreaterThan(9 * 60_000);
      expect(leftMs).toBeLessThanOrEqual(10 * 60_000);
      expect(inputOf(answer)).toMatchObject({
        venueId,
        connectionId: answer.json.id,
        provider,
        flow,
        reauthorize: false,
        requestedBy: 'tester',
        expiresAt: answer.json.expiresAt,
      });
      const read = await api.send('GET', `${path}/${answer.json.id}`);
      expect(read.json).toMatchObject({ state: 'connecting', account: null, expiresAt: null, nextRefreshAt: null });
      expect(read.text).not.toContain(stateIn(answer));
      expect((await audits()).at(-1)).toMatchObject({
        action: 'connection.authorization-started',
        actor: 'tester',
        outcome: 'ok',
        target_id: answer.json.id,
        details: { provider, flow },
      });
    },
  );

  it('stores nothing when Temporal is away, and says so', async () => {
    api.connectionGateway.away = true;
    expect(await begin()).toMatchObject({ status: 503, json: { code: 'temporal-unavailable' } });
    api.connectionGateway.away = false;
    expect(await stored()).toEqual([]);
  });

  it('returns the same answer for the same Idempotency-Key, and starts one attempt', async () => {
    const before = api.connectionGateway.inputs.size;
    const headers = { 'idempotency-key': 'once' };
    const answers = await Promise.all([
      begin('square', {}, headers),
      begin('square', {}, headers),
      begin('square', {}, headers),
    ]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers.filter(({ headers: given }) => given.get('idempotency-replayed') === 'true')).toHaveLength(2);
    expect(api.connectionGateway.inputs.size).toBe(before + 1);
    expect(await begin('square', { flow: 'pkce' }, headers)).toMatchObject({
      status: 422,
      json: { code: 'idempotency-key-reused' },
    });
  });

  it.each([
    ['an unknown flow', { flow: 'implicit' }, 'flow'],
    ['a scope that Square does not have', { scopes: ['ITEMS_READ', 'read_write'] }, 'scopes.1'],
    ['a scope with a space', { scopes: ['ITEMS_READ PAYMENTS_WRITE'] }, 'scopes.0'],
    ['a scope twice', { scopes: ['ITEMS_READ', 'ITEMS_READ'] }, 'scopes'],
    ['no scopes at all', { scopes: [] }, 'scopes'],
    ['a return URL elsewhere', { returnUrl: 'https://evil.test/connected' }, 'returnUrl'],
    ['a return URL that is no text', { returnUrl: 7 }, 'returnUrl'],
    ['a state of the caller’s own', { state: 'abc' }, 'state'],
    ['a redirect URI of the caller’s own', { redirectUri: 'https://evil.test' }, 'redirectUri'],
  ])('rejects %s by name, and stores nothing', async (_case, wrong, field) => {
    const answer = await begin('square', wrong);
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors)).toEqual([field]);
    expect(await stored()).toEqual([]);
  });

  it('names every mistake at once', async () => {
    const answer = await begin('mailchimp', { scopes: ['a', 'b'], returnUrl: 'http://169.254.169.254/' });
    expect(pathsOf(answer.json.errors)).toEqual(['returnUrl', 'scopes.0', 'scopes.1']);
  });

  it('accepts scopes that the provider has, and requests them', async () => {
    const answer = await begin('square', { scopes: ['ITEMS_READ', 'CUSTOMERS_READ'] });
    expect(new URL(answer.json.authorizationUrl).searchParams.get('scope')).toBe('ITEMS_READ CUSTOMERS_READ');
  });

  it.each([
    ['flow', 'connect'],
    ['scopes', ['read_write']],
    ['returnUrl', RETURN_URL],
  ])('accepts %s only without credentials', async (field, value) => {
    const answer = await api.send('POST', path, { json: { ...aKey(api.sandbox.secretKey), [field]: value } });
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ path: field }] } });
  });

  it('rejects an environment that the app is not set up for', async () => {
    const other = api.environmentOf('square') === 'sandbox' ? 'production' : 'sandbox';
    expect(await api.send('POST', path, { json: { provider: 'square', environment: other } })).toMatchObject({
      status: 409,
      json: { code: 'provider-not-configured' },
    });
  });

  it('is for administrators, and 404 for another venue', async () => {
    const json = { provider: 'square', environment: 'sandbox' };
    expect(await api.send('POST', path, { json, token: await aToken({ role: 'operator' }) })).toMatchObject({
      status: 403,
    });
    expect(await api.send('POST', path, { json, token: await aToken({ venues: [await api.aVenue()] }) })).toMatchObject(
      { status: 404, json: { code: 'venue-not-found' } },
    );
  });

  it('seals the verifier for this connection, and shows neither it nor the state to Temporal or the log', async () => {
    const before = api.logLines.length;
    const answer = await begin('square', { flow: 'pkce' });
    const input = inputOf(answer);
    expect(Buffer.from(input?.sealedVerifier ?? '', 'base64').length).toBeGreaterThan(100);
    const state = stateIn(answer);
    expect(JSON.stringify([[...api.connectionGateway.inputs], api.logLines.slice(before)])).not.toContain(state);
  });
});

describe('a provider whose app is not set up', () => {
  it.each([
    ['stripe', ['STRIPE_CLIENT_ID', 'STRIPE_SECRET_KEY']],
    ['square', ['SQUARE_APP_ID']],
    ['quickbooks', ['QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET']],
    ['mailchimp', ['MAILCHIMP_CLIENT_ID', 'MAILCHIMP_CLIENT_SECRET']],
  ] as const)('%s answers 409 with the missing variables, and is listed with them', async (provider, toSet) => {
    const all = allApps(api.sandbox.apiUrl);
    const none = {
      stripe: { ...all.stripe, secretKey: null },
      square: { ...all.square, appId: null },
      quickbooks: { ...all.quickbooks, clientId: null },
      mailchimp: { ...all.mailchimp, clientId: null },
    };
    const bare = await createApiWorld({ providers: none });
    try {
      const venue = await bare.aVenue();
      const answer = await bare.send('POST', `/v1/venues/${venue}/connections`, {
        json: { provider, environment: 'sandbox' },
      });
      expect(answer).toMatchObject({ status: 409, json: { code: 'provider-not-configured' } });
      for (const name of toSet) expect(answer.json.detail).toContain(name);
      const { json } = await bare.send('GET', `/v1/integrations/${provider}`);
      expect(json).toMatchObject({
        configured: provider === 'stripe',
        flows: [],
        environment: null,
        toSet: expect.arrayContaining([...toSet]) as string[],
      });
    } finally {
      await bare.close();
    }
  });
});
