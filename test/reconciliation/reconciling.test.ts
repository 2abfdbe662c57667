import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StripeAccount } from '../support/sandbox/stripe-account.ts';
import { createReconciliationWorld } from './reconciliation-world.ts';
import type { DiscrepancyBody, ReconciliationBody, ReconciliationWorld } from './reconciliation-world.ts';

let world: ReconciliationWorld;
beforeAll(async () => {
  world = await createReconciliationWorld();
}, 60_000);
afterAll(() => world.close());

const DAY = '2026-03-08'; // The day in New York that has 23 hours.
const atS = (time: string) => Date.parse(time) / 1_000;

/** Payments around the borders of the day, a refund, and a failed attempt. */
async function aLedger({ account }: { readonly account: StripeAccount }): Promise<void> {
  await account.put('charges', [
    { id: 'ch_before', amount: 111, created: atS('2026-03-08T04:59:59Z') },
    { id: 'ch_first', amount: 1_000, created: atS('2026-03-08T05:00:00Z') },
    { id: 'ch_noon', amount: 2_000, created: atS('2026-03-08T16:00:00Z') },
    { id: 'ch_failed', amount: 700, created: atS('2026-03-08T17:00:00Z'), status: 'failed' },
    { id: 'ch_last', amount: 3_000, created: atS('2026-03-09T03:59:59Z') },
    { id: 'ch_after', amount: 222, created: atS('2026-03-09T04:00:00Z') },
    { id: 'ch_yen', amount: 5_000, currency: 'jpy', created: atS('2026-03-08T18:00:00Z') },
  ]);
  await account.put('refunds', [
    { id: 're_noon', charge: 'ch_noon', amount: 500, created: atS('2026-03-08T20:00:00Z') },
  ]);
}

const totalOf = ({ totals }: ReconciliationBody, kind: string, currency = 'USD') =>
  totals.find((total) => total.kind === kind && total.currency === currency);
const byId = ({ discrepancies }: ReconciliationBody, externalId: string): DiscrepancyBody => {
  const found = discrepancies.find((one) => one.externalId === externalId);
  if (!found) throw new Error(`no discrepancy of ${externalId}: ${JSON.stringify(discrepancies)}`);
  return found;
};

describe('a reconciliation of one business day', () => {
  it('of a venue that has pulled nothing finds every transaction missing here, and none of the days beside it', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    const ended = await world.reconcile(venue, { from: DAY, to: DAY });
    expect(ended.discrepancies.map(({ externalId, kind }) => `${externalId} ${kind}`).sort()).toEqual([
      'ch_failed missing-here',
      'ch_first missing-here',
      'ch_last missing-here',
      'ch_noon missing-here',
      'ch_yen missing-here',
      're_noon missing-here',
    ]);
    expect(ended.counts).toEqual({ read: 6, compared: 6, discrepancies: 6, unreadable: 0 });
    expect(totalOf(ended, 'payment')).toEqual({
      ...{ day: DAY, kind: 'payment', currency: 'USD' },
      here: { count: 0, amountMinor: 0 },
      there: { count: 3, amountMinor: 6_000 },
    });
    expect(totalOf(ended, 'payment', 'JPY')?.there).toEqual({ count: 1, amountMinor: 5_000 });
    expect(totalOf(ended, 'refund')?.there).toEqual({ count: 1, amountMinor: -500 });
    expect(await venue.account.writes()).toEqual([]);
  });

  it('misses nothing from before the day on which history begins, and compares what the venue has of it', async () => {
    const [known, unknown] = [await world.aVenue(), await world.aVenue()];
    for (const venue of [known, unknown]) await aLedger(venue);
    await world.pull(known);
    for (const venue of [known, unknown]) await world.reach(venue, { historyFrom: '2026-03-09' });
    const days = { from: DAY, to: '2026-03-09' };
    expect((await world.reconcile(unknown, days)).discrepancies.map(({ externalId }) => externalId)).toEqual([
      'ch_after',
    ]);
    await world.spoil(known, 'ch_noon', { amount_minor: 1 });
    const ended = await world.reconcile(known, days);
    expect(ended.discrepancies.map(({ externalId, kind }) => `${externalId} ${kind}`)).toEqual([
      'ch_noon amount-differs',
    ]);
    expect(totalOf(ended, 'payment', 'JPY')).toMatchObject({ here: { count: 1 }, there: { count: 1 } });
  });

  it('reads nothing of a field that the connection leaves out, and finds no difference in it', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    await world.reach(venue, { excludedFields: ['posted'] });
    const missing = await world.reconcile(venue, { from: DAY, to: DAY });
    expect(missing.discrepancies).toHaveLength(6);
    expect(missing.discrepancies.every(({ there }) => there?.posted === null)).toBe(true);
    await world.pull(venue);
    expect((await world.reconcile(venue, { from: DAY, to: DAY })).discrepancies).toEqual([]);
  });

  it('finds nothing after a pull, with totals that are equal on both sides and to the summary', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    await world.pull(venue);
    const ended = await world.reconcile(venue, { from: DAY, to: DAY });
    expect(ended.discrepancies).toEqual([]);
    for (const { here, there } of ended.totals) expect(here).toEqual(there);
    const summary = await world.service.send(
      'GET',
      `/v1/venues/${venue.venueId}/transactions/summary?from=${DAY}&to=${DAY}`,
    );
    expect(ended.totals.map(({ kind, currency, here }) => ({ kind, currency, ...here }))).toEqual(
      (summary.json['data'] as readonly { kind: string; currency: string; count: number; amountMinor: number }[]).map(
        ({ kind, currency, count, amountMinor }) => ({ kind, currency, count, amountMinor }),
      ),
    );
  });

  it('finds what differs in amount, in status and in day, and what the provider no longer has', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    await world.pull(venue);
    await world.spoil(venue, 'ch_first', { amount_minor: 999 });
    await world.spoil(venue, 'ch_noon', { status: 'failed', posted: false });
    await world.spoil(venue, 'ch_last', { occurred_at: '2026-03-10T12:00:00Z' });
    await world.service.database
      .admin`update record_links set external_id = 'ch_unknown' where external_id = 'ch_yen' and connection_id = ${venue.connectionId}`;
    const ended = await world.reconcile(venue, { from: DAY, to: DAY });
    expect(byId(ended, 'ch_first')).toMatchObject({
      kind: 'amount-differs',
      differs: ['amountMinor'],
      here: { amountMinor: 999, currency: 'USD' },
      there: { amountMinor: 1_000, currency: 'USD' },
      state: 'open',
    });
    expect(byId(ended, 'ch_noon')).toMatchObject({ kind: 'status-differs', differs: ['status'] });
    expect(byId(ended, 'ch_last')).toMatchObject({ kind: 'day-differs', differs: ['day'], day: DAY });
    expect(byId(ended, 'ch_unknown')).toMatchObject({ kind: 'missing-there', there: null });
    expect(byId(ended, 'ch_yen')).toMatchObject({ kind: 'missing-here', here: null, recordId: null });
    expect(ended.discrepancies).toHaveLength(5);
    expect(totalOf(ended, 'payment')).toMatchObject({
      here: { count: 1, amountMinor: 999 },
      there: { count: 3, amountMinor: 6_000 },
    });
  });
});

describe('a repair', () => {
  it('makes each kind of discrepancy equal to the provider’s, writes nothing there, and leaves a clean day', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    await world.pull(venue);
    await venue.account.put('charges', [{ id: 'ch_new', amount: 4_000, created: atS('2026-03-08T19:00:00Z') }]);
    await world.spoil(venue, 'ch_first', { amount_minor: 999 });
    await world.spoil(venue, 'ch_noon', { status: 'failed', posted: false });
    await world.spoil(venue, 'ch_last', { occurred_at: '2026-03-10T12:00:00Z', posted: false });
    await world.service.database
      .admin`update record_links set external_id = 'ch_unknown' where external_id = 'ch_yen' and connection_id = ${venue.connectionId}`;
    const ended = await world.reconcile(venue, { from: DAY, to: DAY });
    expect(ended.discrepancies).toHaveLength(6);
    for (const one of ended.discrepancies) {
      const { status, json } = await world.repair(venue, one);
      expect([one.externalId, status, json['state']]).toEqual([one.externalId, 200, 'repaired']);
    }
    expect((await world.reconcile(venue, { from: DAY, to: DAY })).discrepancies).toEqual([]);
    expect(await world.transaction(venue, 'ch_first')).toMatchObject({ amountMinor: 1_000 });
    expect(await world.transaction(venue, 'ch_new')).toMatchObject({ amountMinor: 4_000, status: 'succeeded' });
    expect(await world.transaction(venue, 'ch_unknown')).toBeUndefined();
    expect(await venue.account.writes()).toEqual([]);
    const audit = await world.service.send('GET', `/v1/venues/${venue.venueId}/audit?action=discrepancy.repaired`);
    expect(audit.json['data']).toHaveLength(6);
  });

  it('again changes nothing, and of what has become equal meanwhile only says so', async () => {
    const venue = await world.aVenue();
    await aLedger(venue);
    const ended = await world.reconcile(venue, { from: DAY, to: DAY });
    await world.pull(venue);
    const one = byId(ended, 'ch_first');
    for (let nth = 0; nth < 2; nth += 1) {
      const { status, json } = await world.repair(venue, one);
      expect([status, json['state']]).toEqual([200, 'resolved']);
    }
    const audit = await world.service.send('GET', `/v1/venues/${venue.venueId}/audit?action=discrepancy.resolved`);
    expect(audit.json['data']).toHaveLength(1);
  });
});

describe('a later reconciliation', () => {
  it('settles what earlier ones of the connection found of transactions that both sides have alike by now', async () => {
    const [venue, other] = [await world.aVenue(), await world.aVenue()];
    await Promise.all([aLedger(venue), aLedger(other)]);
    const days = { from: DAY, to: DAY };
    const earlier = await world.reconcile(venue, days);
    const theirs = await world.reconcile(other, days);
    const still = byId(earlier, 'ch_first');
    await world.pull(venue);
    await world.spoil(venue, 'ch_first', { amount_minor: 1 });
    expect((await world.reconcile(venue, days)).discrepancies).toMatchObject([{ externalId: 'ch_first' }]);
    const now = await world.find(venue, earlier.id);
    expect(byId(now, 'ch_first')).toMatchObject({ id: still.id, state: 'open', settledBy: null });
    expect(byId(now, 'ch_noon')).toMatchObject({
      state: 'resolved',
      settledBy: 'reconcileConnection',
      settledAt: expect.any(String) as string,
    });
    expect((await world.find(other, theirs.id)).discrepancies.map(({ state }) => state)).toEqual(
      theirs.discrepancies.map(() => 'open'),
    );
  });
});
