import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reconciliationScheduleId } from '../../contracts/reconciliation.ts';
import { dayIn } from '../../domain/schedule/time-zone.ts';
import { until } from '../support/eventually.ts';
import { TIME_ZONE, createReconciliationWorld } from './reconciliation-world.ts';
import type { ReconciliationWorld } from './reconciliation-world.ts';

let world: ReconciliationWorld;
beforeAll(async () => {
  world = await createReconciliationWorld();
}, 60_000);
afterAll(() => world.close());

const DAY = '2026-03-08';
const DAYS = { from: DAY, to: DAY };
const atS = (time: string) => Date.parse(time) / 1_000;
const aCharge = (id: string, over: object = {}) => ({ id, amount: 1_000, created: atS(`${DAY}T15:00:00Z`), ...over });

async function aVenueWithCharges(count: number) {
  const venue = await world.aVenue();
  await venue.account.put(
    'charges',
    Array.from({ length: count }, (_, index) => aCharge(`ch_${index}`)),
  );
  return venue;
}

const key = (secretKey: string) => ({ provider: 'stripe', environment: 'sandbox', credentials: { secretKey } });
const waits = (venue: Parameters<ReconciliationWorld['find']>[0], id: string) =>
  until(async () => ((await world.find(venue, id)).phase === 'waiting' ? true : null), {
    limitMs: 20_000,
    what: 'the reconciliation waits',
  });

describe('a reconciliation', () => {
  it('counts every transaction once when pages fail, come again, and are cut off in the middle', async () => {
    const venue = await aVenueWithCharges(250);
    await venue.account.fault({ match: { path: '/v1/charges', nth: 2 }, kind: 'status', status: 500, times: 2 });
    await venue.account.fault({ match: { path: '/v1/balance_transactions', nth: 2 }, kind: 'truncate', times: 1 });
    const ended = await world.reconcile(venue, DAYS);
    expect(ended.counts).toMatchObject({ read: 250, compared: 250, discrepancies: 250 });
    expect(ended.totals).toEqual([
      expect.objectContaining({ kind: 'payment', there: { count: 250, amountMinor: 250_000 } }),
    ]);
    expect(ended.discrepancies).toHaveLength(100);
    const listed = await world.service.send(
      'GET',
      `/v1/venues/${venue.venueId}/reconciliations/${ended.id}/discrepancies?limit=200&kind=missing-here`,
    );
    expect(listed.json['data']).toHaveLength(200);
    expect(listed.json['nextCursor']).not.toBeNull();
  });

  it('waits while the access is refused, says so, and goes on when it is started again after a new key', async () => {
    const venue = await aVenueWithCharges(1);
    await venue.account.fault({ kind: 'revoke' });
    const id = String((await world.start(venue, DAYS)).json['id']);
    await waits(venue, id);
    expect(await world.find(venue, id)).toMatchObject({
      waitingFor: { what: 'needs-reauth' },
      error: { code: 'needs-reauth' },
      finishedAt: null,
    });
    await venue.account.clearFaults();
    await world.service.send('POST', `/v1/venues/${venue.venueId}/connections`, { json: key(venue.account.secretKey) });
    expect(await world.start(venue, DAYS)).toMatchObject({ status: 200, json: { id } });
    expect(await world.finished(venue, id)).toMatchObject({ outcome: 'completed', waitingFor: null, error: null });
  });

  it('holds up one of other days, and ends with its connection', async () => {
    const venue = await aVenueWithCharges(1);
    await venue.account.fault({ kind: 'revoke' });
    const id = String((await world.start(venue, DAYS)).json['id']);
    await waits(venue, id);
    await venue.account.clearFaults();
    await world.service.send('POST', `/v1/venues/${venue.venueId}/connections`, { json: key(venue.account.secretKey) });
    expect(await world.start(venue, { from: '2026-03-07', to: DAY })).toMatchObject({
      status: 409,
      json: { code: 'reconciliation-running' },
    });
    await world.service.send('DELETE', `/v1/venues/${venue.venueId}/connections/${venue.connectionId}?records=keep`);
    expect(await world.finished(venue, id)).toMatchObject({ phase: 'finished', outcome: 'cancelled' });
    const left = await world.service.database
      .admin`select count(*)::int as count from reconciliation_readings where reconciliation_id = ${id}`;
    expect(left).toEqual([{ count: 0 }]);
  });

  it('finds money on the day of its capture, days after the authorisation, and nothing on the day of that', async () => {
    const venue = await world.aVenue();
    await world.stripe.clock(-3 * 86_400_000);
    const intent = await venue.account.call<{ id: string; latest_charge: string }>('POST', 'payment_intents', {
      ...{ amount: '1450', currency: 'usd', capture_method: 'manual' },
      ...{ payment_method: 'pm_card_visa', confirm: 'true' },
    });
    await world.stripe.clock(0);
    await venue.account.call('POST', `payment_intents/${intent.id}/capture`);
    const today = dayIn(TIME_ZONE, new Date());
    const authorised = dayIn(TIME_ZONE, new Date(Date.now() - 3 * 86_400_000));
    const captured = await world.reconcile(venue, { from: today, to: today });
    expect(captured.discrepancies).toMatchObject([
      { externalId: intent.latest_charge, kind: 'missing-here', day: today },
    ]);
    expect((await world.reconcile(venue, { from: authorised, to: authorised })).discrepancies).toEqual([]);
    await world.pull(venue);
    expect((await world.reconcile(venue, { from: today, to: today })).discrepancies).toEqual([]);
  });

  it('names what cannot be read and compares the rest', async () => {
    const venue = await aVenueWithCharges(2);
    await venue.account.put('charges', [aCharge('ch_odd', { currency: 'xyz' })]);
    const ended = await world.reconcile(venue, DAYS);
    expect(ended.counts.unreadable).toBeGreaterThan(0);
    expect(ended.discrepancies.map(({ externalId }) => externalId).sort()).toEqual(['ch_0', 'ch_1']);
  });
});

describe('a repair', () => {
  it('takes a transaction out that the venue had deleted back in', async () => {
    const venue = await aVenueWithCharges(1);
    await world.pull(venue);
    const { id = '' } = (await world.transaction(venue, 'ch_0')) ?? {};
    await world.service.send('DELETE', `/v1/venues/${venue.venueId}/records/transactions/${id}`);
    const [one] = (await world.reconcile(venue, DAYS)).discrepancies;
    expect(one).toMatchObject({ kind: 'missing-here', externalId: 'ch_0' });
    expect(await world.repair(venue, one!)).toMatchObject({ status: 200, json: { state: 'repaired' } });
    expect(await world.transaction(venue, 'ch_0')).toMatchObject({ id, amountMinor: 1_000 });
  });

  it('overwrites what the venue has changed itself', async () => {
    const venue = await aVenueWithCharges(1);
    await world.pull(venue);
    const { id = '' } = (await world.transaction(venue, 'ch_0')) ?? {};
    const path = `/v1/venues/${venue.venueId}/records/transactions/${id}`;
    expect((await world.service.send('PATCH', path, { json: { amountMinor: 7 } })).status).toBe(200);
    const [one] = (await world.reconcile(venue, DAYS)).discrepancies;
    expect(one).toMatchObject({ kind: 'amount-differs', here: { amountMinor: 7 }, there: { amountMinor: 1_000 } });
    expect((await world.repair(venue, one!)).status).toBe(200);
    expect(await world.transaction(venue, 'ch_0')).toMatchObject({ amountMinor: 1_000 });
  });

  it('answers 503 while the provider is down, leaves the discrepancy open, and works afterwards', async () => {
    const venue = await aVenueWithCharges(1);
    const [one] = (await world.reconcile(venue, DAYS)).discrepancies;
    await venue.account.fault({ match: { path: '/v1/charges/ch_0' }, kind: 'status', status: 503, times: 50 });
    expect(await world.repair(venue, one!)).toMatchObject({ status: 503, json: { code: 'provider-unavailable' } });
    await venue.account.clearFaults();
    expect(await world.repair(venue, one!)).toMatchObject({ status: 200, json: { state: 'repaired' } });
  });

  it('of two at once adds the transaction once', async () => {
    const venue = await aVenueWithCharges(1);
    const [one] = (await world.reconcile(venue, DAYS)).discrepancies;
    const answers = await Promise.all([world.repair(venue, one!), world.repair(venue, one!)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect(await world.transactions(venue)).toHaveLength(1);
  });
});

describe('a reconciliation of Square', () => {
  it('finds and repairs a payment that was captured days after its creation', async () => {
    const venue = await world.aSquareVenue();
    const payment = (id: string, createdAt: string, capturedAt: string) => ({
      id,
      created_at: createdAt,
      updated_at: capturedAt,
      status: 'COMPLETED',
      source_type: 'CARD',
      amount_money: { amount: 1_200, currency: 'USD' },
      total_money: { amount: 1_200, currency: 'USD' },
      location_id: venue.merchant.mainLocationId,
      card_details: { card_payment_timeline: { captured_at: capturedAt } },
    });
    await venue.merchant.put('payments', [
      payment('LATE', '2026-03-03T12:00:00Z', `${DAY}T15:00:00Z`),
      payment('NOW', `${DAY}T15:00:00Z`, `${DAY}T15:00:00Z`),
      payment('BEFORE', '2026-03-04T12:00:00Z', '2026-03-04T12:00:00Z'),
    ]);
    const ended = await world.reconcile(venue, DAYS);
    expect(ended.discrepancies.map(({ externalId, kind }) => `${externalId} ${kind}`).sort()).toEqual([
      'LATE missing-here',
      'NOW missing-here',
    ]);
    for (const one of ended.discrepancies)
      expect(await world.repair(venue, one)).toMatchObject({ status: 200, json: { state: 'repaired' } });
    const again = await world.reconcile(venue, DAYS);
    expect(again.discrepancies).toEqual([]);
    expect(again.totals).toMatchObject([
      { here: { count: 2, amountMinor: 2_400 }, there: { count: 2, amountMinor: 2_400 } },
    ]);
    expect((await venue.merchant.calls()).filter(({ written }) => written)).toEqual([]);
  });
});

describe('the schedule of reconciliations', () => {
  it('is off until it is set, then compares the days up to yesterday, and goes with the connection', async () => {
    const venue = await world.aVenue();
    const yesterday = dayIn(TIME_ZONE, new Date(Date.now() - 86_400_000));
    const path = `/v1/venues/${venue.venueId}/connections/${venue.connectionId}/reconciliation-schedule`;
    expect(await world.service.send('GET', path)).toMatchObject({ status: 404, json: { code: 'schedule-not-found' } });
    const put = await world.service.send('PUT', path, { json: { at: '05:30', days: 3 } });
    expect(put).toMatchObject({
      status: 200,
      json: { at: '05:30', days: 3, timeZone: TIME_ZONE, paused: false },
    });
    expect(put.json['nextRuns']).not.toEqual([]);
    expect((await world.service.send('PUT', path, { json: { at: '06:15', days: 2 } })).json).toMatchObject({
      at: '06:15',
      days: 2,
    });
    const schedule = world.service.temporal.schedule.getHandle(reconciliationScheduleId(venue.connectionId));
    await schedule.trigger();
    const found = await until(
      async () => {
        const { json } = await world.service.send('GET', `/v1/venues/${venue.venueId}/reconciliations`);
        const [one] = json['data'] as readonly {
          finishedAt: string | null;
          requestedBy: string;
          to: string;
          from: string;
        }[];
        return one && one.finishedAt !== null ? one : null;
      },
      { limitMs: 30_000, what: 'the schedule has reconciled' },
    );
    expect(found).toMatchObject({ to: yesterday, requestedBy: expect.stringMatching(/^schedule:/) as string });
    await world.service.send('DELETE', `/v1/venues/${venue.venueId}/connections/${venue.connectionId}?records=keep`);
    await until(
      async () =>
        schedule.describe().then(
          () => null,
          () => true,
        ),
      {
        limitMs: 20_000,
        what: 'the schedule is gone with its connection',
      },
    );
  });
});
