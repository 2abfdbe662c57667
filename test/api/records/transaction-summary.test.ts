import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../vault/secret.ts';
import { JWT_SECRET, createApiWorld, pathsOf } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venue: string;
let now = new Date();

beforeAll(async () => {
  // Tokens are made with the real clock, so they must stay valid for months under a clock of last summer.
  const jwt = { kind: 'secret', secret: new Secret(JWT_SECRET), maxLifeSeconds: 400 * 86_400 } as const;
  api = await createApiWorld({ config: { jwt }, deps: { clock: () => now } });
});
afterAll(() => api.close());
beforeEach(async () => {
  now = new Date();
  venue = `/v1/venues/${await api.aVenue()}`;
});

const summary = (query = '') => api.send('GET', `${venue}/transactions/summary${query}`);
const aTransaction = {
  kind: 'payment',
  occurredAt: '2026-05-01T22:30:00Z',
  amountMinor: 500,
  currency: 'EUR',
  feeMinor: 20,
  status: 'succeeded',
};
const load = (...records: readonly object[]) =>
  api.send('POST', `${venue}/records/transactions/batch`, {
    json: { records: records.map((record, index) => ({ sourceId: `t${index}`, ...aTransaction, ...record })) },
  });

describe('the summary of transactions', () => {
  it('groups by the days of the venue’s time zone, and names the zone', async () => {
    expect(
      (
        await load(
          {},
          { amountMinor: 25, feeMinor: null },
          { status: 'pending' },
          { occurredAt: '2026-06-01T00:00:00Z' },
        )
      ).json,
    ).toMatchObject({ created: 4 });
    const answer = await summary('?from=2026-05-01&to=2026-05-31');
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      from: '2026-05-01',
      to: '2026-05-31',
      timeZone: 'Europe/Berlin',
      data: [
        {
          day: '2026-05-02',
          kind: 'payment',
          currency: 'EUR',
          connectionId: null,
          count: 2,
          amountMinor: 525,
          feeMinor: 20,
        },
      ],
    });
    expect((await summary('?from=2026-05-01&to=2026-05-31&status=pending')).json.data).toMatchObject([
      { count: 1, amountMinor: 500 },
    ]);
    expect((await summary('?from=2026-05-01&to=2026-05-31&kind=refund')).json.data).toEqual([]);
  });

  it('covers the last 30 days of the venue’s calendar by default', async () => {
    const named = () => summary().then(({ json }) => json as unknown as { from: string; to: string });
    // Half past midnight in Berlin.
    now = new Date('2026-07-09T22:30:00Z');
    expect(await named()).toMatchObject({ from: '2026-06-11', to: '2026-07-10' });
    expect((await summary('?to=2026-03-01')).json).toMatchObject({ from: '2026-01-31', to: '2026-03-01' });
    expect((await summary('?from=2026-07-01')).json).toMatchObject({ from: '2026-07-01', to: '2026-07-10' });
  });

  it.each([
    ['days in the wrong order', '?from=2026-05-02&to=2026-05-01', 'from'],
    ['more than 366 days', '?from=2024-01-01&to=2025-01-01', 'from'],
    ['a day that there is not', '?from=2026-02-29', 'from'],
    ['a time in place of a day', '?to=2026-02-01T00:00:00Z', 'to'],
    ['a day before calendars', '?to=0000-01-01', 'to'],
    ['an unknown parameter', '?day=2026-02-01', 'day'],
    ['a currency that there is not', '?currency=EUX', 'currency'],
  ])('rejects %s by name', async (_case, query, path) => {
    const answer = await summary(query);
    expect(answer).toMatchObject({ status: 400, json: { code: 'invalid-request' } });
    expect(pathsOf(answer.json.errors)).toEqual([path]);
  });

  it('accepts a leap year', async () => {
    expect(await summary('?from=2024-01-01&to=2024-12-31')).toMatchObject({ status: 200 });
  });

  it('refuses to return a sum that is not exact', async () => {
    await load({ amountMinor: Number.MAX_SAFE_INTEGER }, { amountMinor: 1 });
    expect(await summary('?from=2026-05-01&to=2026-05-31')).toMatchObject({
      status: 422,
      json: { code: 'sum-out-of-range' },
    });
    expect(await summary('?from=2026-04-01&to=2026-04-30')).toMatchObject({ status: 200, json: { data: [] } });
  });
});
