import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, ConnectionRef, ReportAnswerId, VenueId } from '../../../contracts/ids.ts';
import type { ConnectionState, ProviderId } from '../../../contracts/providers.ts';
import type { ProviderReport, ReadReportResult, ReportRefusal } from '../../../contracts/reports.ts';
import { aToken, createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

const REPORT: ProviderReport = {
  columns: [
    { key: 'account', title: '', type: 'text' },
    { key: 'total', title: 'Total', type: 'amount' },
  ],
  rows: [
    { kind: 'heading', depth: 0, externalId: null, cells: ['Income', null] },
    { kind: 'entry', depth: 1, externalId: '1', cells: ['Sales', '90071992547409.93'] },
    { kind: 'total', depth: 0, externalId: null, cells: ['Total Income', '90071992547409.93'] },
  ],
  currency: 'GBP',
  basis: 'accrual',
  truncated: false,
};
const RANGE = 'from=2026-01-01&to=2026-03-31';

let api: ApiWorld;
let venueId: VenueId;
beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  api.reportGateway.asked.length = 0;
  api.reportGateway.onRead = async (input) => ({
    outcome: 'read',
    answerId: await api.reportAnswers.keep(input, input.report, REPORT),
  });
});

interface ConnectionWishes {
  readonly provider?: ProviderId;
  readonly state?: ConnectionState;
  readonly scopes?: readonly string[];
}

async function aConnection({ provider = 'quickbooks', state = 'active', scopes = [] }: ConnectionWishes = {}) {
  const connectionId = uuidv7() as ConnectionId;
  await api.database.admin`
    insert into connections (id, venue_id, provider, environment, state, external_account_id, scopes)
    values (${connectionId}, ${venueId}, ${provider}, 'sandbox', ${state}, ${connectionId}, ${[...scopes]})`;
  return { venueId, connectionId };
}

const pathOf = ({ venueId: venue, connectionId }: ConnectionRef, report = 'profit-and-loss', query = RANGE) =>
  `/v1/venues/${venue}/connections/${connectionId}/reports/${report}?${query}`;
const refused = (refusal: ReportRefusal, told: Partial<Extract<ReadReportResult, { outcome: 'refused' }>> = {}) => {
  api.reportGateway.onRead = () =>
    Promise.resolve({ outcome: 'refused', refusal, retryAfterMs: null, httpStatus: null, code: null, ...told });
};

describe('a report of a connection', () => {
  it('of another venue answers 404, and the provider is not asked', async () => {
    const ref = await aConnection();
    const other = await api.aVenue();
    expect(await api.send('GET', pathOf({ ...ref, venueId: other }))).toMatchObject({
      status: 404,
      json: { code: 'connection-not-found' },
    });
    const token = await aToken({ venues: [other] });
    expect(await api.send('GET', pathOf(ref), { token })).toMatchObject({
      status: 404,
      json: { code: 'venue-not-found' },
    });
    expect(api.reportGateway.asked).toEqual([]);
  });

  it('read for one venue is not handed to another that knows its id', async () => {
    const ref = await aConnection();
    const answerId = await api.reportAnswers.keep(ref, 'profit-and-loss', REPORT);
    venueId = await api.aVenue();
    const other = await aConnection();
    api.reportGateway.onRead = () => Promise.resolve({ outcome: 'read', answerId });
    expect(await api.send('GET', pathOf(other))).toMatchObject({ status: 503, json: { code: 'worker-unavailable' } });
  });

  it.each([
    ['a provider with others', 'mailchimp', 'profit-and-loss', /campaigns, automations, campaign-variants/],
    ['a provider without reports', 'stripe', 'profit-and-loss', /Stripe .* no reports/],
  ])('of another provider’s is refused with what there is: %s', async (_what, provider, report, detail) => {
    const answer = await api.send('GET', pathOf(await aConnection({ provider }), report));
    expect(answer).toMatchObject({ status: 422, json: { code: 'report-not-supported' } });
    expect(answer.json.detail).toMatch(detail);
    expect(api.reportGateway.asked).toEqual([]);
  });

  it.each(['cash-flow', 'Profit-and-Loss', '%2e%2e%2f', 'profit-and-loss%2fx'])(
    'that nobody makes answers 404: %s',
    async (name) => {
      const answer = await api.send('GET', pathOf(await aConnection(), name));
      expect(answer).toMatchObject({ status: 404, json: { code: 'report-not-found' } });
      expect(api.reportGateway.asked).toEqual([]);
    },
  );

  it.each([
    ['no days of a list', 'campaigns', '', ['from', 'to']],
    ['no days', 'profit-and-loss', '', ['from', 'to']],
    ['no first day', 'general-ledger', 'to=2026-01-01', ['from']],
    ['no last day', 'profit-and-loss', 'from=2026-01-01', ['to']],
    ['no last day of a balance sheet', 'balance-sheet', 'from=2026-01-01', ['to']],
    ['days in the wrong order', 'profit-and-loss', 'from=2026-02-01&to=2026-01-31', ['from']],
    ['a day that no calendar has', 'profit-and-loss', 'from=2026-02-30&to=2026-13-01', ['from', 'to']],
    ['a time in place of a day', 'balance-sheet', 'to=2026-02-01T00:00:00Z', ['to']],
    ['a parameter that it does not take', 'profit-and-loss', `${RANGE}&accounting_method=Cash`, ['accounting_method']],
    ['a parameter twice', 'profit-and-loss', `${RANGE}&to=2026-01-01`, ['to']],
  ])('names each day that is missing or wrong: %s', async (_what, report, query, paths) => {
    const provider = report === 'campaigns' ? 'mailchimp' : 'quickbooks';
    const answer = await api.send('GET', pathOf(await aConnection({ provider }), report, query));
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors)).toEqual(paths);
    expect(api.reportGateway.asked).toEqual([]);
  });

  it.each(['connecting', 'needs-reauth', 'suspended', 'disconnecting', 'disconnected'] as const)(
    'that is %s answers 409, and the provider is not asked',
    async (state) => {
      const answer = await api.send('GET', pathOf(await aConnection({ state })));
      expect(answer).toMatchObject({ status: 409, json: { code: 'connection-not-active' } });
      expect(api.reportGateway.asked).toEqual([]);
    },
  );

  it('whose owner has not granted it answers 422 and names the permission', async () => {
    const answer = await api.send('GET', pathOf(await aConnection({ scopes: ['openid'] })));
    expect(answer).toMatchObject({ status: 422, json: { code: 'scopes-missing' } });
    expect(answer.json.detail).toContain('com.intuit.quickbooks.accounting');
  });

  it.each([
    ['rate-limited', 503, 'provider-rate-limited'],
    ['quota-exhausted', 503, 'provider-quota-exhausted'],
    ['provider-unavailable', 503, 'provider-unavailable'],
    ['provider-unreachable', 503, 'provider-unreachable'],
    ['vault-unavailable', 503, 'vault-unavailable'],
    ['interrupted', 503, 'worker-unavailable'],
    ['access-refused', 422, 'credentials-refused'],
    ['permissions-missing', 422, 'credentials-insufficient'],
    ['too-large', 422, 'report-too-large'],
    ['provider-refused', 502, 'provider-refused'],
    ['provider-unexpected', 502, 'provider-unexpected-response'],
    ['app-refused', 500, 'provider-app-refused'],
  ] as const)('that is not told (%s) answers %i %s, and says when to ask again', async (refusal, status, code) => {
    const ref = await aConnection();
    refused(refusal, { retryAfterMs: 41_000 });
    const answer = await api.send('GET', pathOf(ref));
    expect(answer).toMatchObject({ status, json: { code } });
    expect(answer.headers.get('retry-after')).toBe(status === 503 ? '41' : null);
    refused(refusal);
    expect((await api.send('GET', pathOf(ref))).headers.get('retry-after')).toBe(status === 503 ? '60' : null);
  });

  it('that the provider refuses says with which status and code', async () => {
    refused('provider-refused', { httpStatus: 400, code: '6190' });
    const { json } = await api.send('GET', pathOf(await aConnection()));
    expect(json.detail).toMatch(/http 400, 6190/);
  });

  it('answers 503 while the workflow service is away', async () => {
    api.reportGateway.onRead = null;
    expect(await api.send('GET', pathOf(await aConnection()))).toMatchObject({
      status: 503,
      json: { code: 'temporal-unavailable' },
    });
  });

  it('whose rows are gone when the answer is due answers 503', async () => {
    api.reportGateway.onRead = () => Promise.resolve({ outcome: 'read', answerId: uuidv7() as ReportAnswerId });
    expect(await api.send('GET', pathOf(await aConnection()))).toMatchObject({ status: 503 });
  });

  it('shows columns and rows with exact amounts to a viewer, and no cache keeps them', async () => {
    const ref = await aConnection();
    const token = await aToken({ role: 'viewer', venues: [venueId] });
    const answer = await api.send('GET', pathOf(ref), { token });
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      ...{ report: 'profit-and-loss', title: 'Profit and loss', from: '2026-01-01', to: '2026-03-31' },
      ...REPORT,
      readAt: expect.any(String) as string,
    });
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(api.reportGateway.asked).toEqual([
      { ...ref, provider: 'quickbooks', report: 'profit-and-loss', from: '2026-01-01', to: '2026-03-31' },
    ]);
  });

  it('of a day shows that its first day is not used', async () => {
    const ref = await aConnection();
    expect((await api.send('GET', pathOf(ref, 'balance-sheet'))).json).toMatchObject({ from: null, to: '2026-03-31' });
    expect(api.reportGateway.asked).toMatchObject([{ from: null, to: '2026-03-31' }]);
  });

  it('of everything that there is takes no days', async () => {
    const ref = await aConnection({ provider: 'mailchimp' });
    for (const query of ['', RANGE])
      expect((await api.send('GET', pathOf(ref, 'automations', query))).json).toMatchObject({ from: null, to: null });
    expect(api.reportGateway.asked).toMatchObject([
      { from: null, to: null },
      { from: null, to: null },
    ]);
  });

  it('is removed once nobody waits for it any more', async () => {
    const ref = await aConnection();
    await api.send('GET', pathOf(ref));
    await api.database.admin`update report_answers set expires_at = now()`;
    await api.send('GET', pathOf(ref));
    expect(await api.database.admin`select from report_answers where venue_id = ${venueId}`).toHaveLength(1);
  });
});

describe('an integration', () => {
  it('lists its reports and the days that each takes', async () => {
    const { json } = await api.send('GET', '/v1/integrations/quickbooks');
    expect(json).toMatchObject({
      reports: [
        { report: 'profit-and-loss', title: 'Profit and loss', period: 'range' },
        { report: 'balance-sheet', title: 'Balance sheet', period: 'day' },
        { report: 'general-ledger', title: 'General ledger', period: 'range' },
      ],
    });
  });
});
