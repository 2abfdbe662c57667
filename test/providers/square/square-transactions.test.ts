import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { allTime, createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const transactions = () => world.session('transactions');
const all = async (stream: string) => recordsOf(await readList(transactions(), { stream }));
const main = async () => (await world.merchant().client.locations.list()).locations?.[0]?.id ?? '';

const AT = '2024-05-01T10:00:00.000Z';
const gbp = (amount: number) => ({ amount, currency: 'GBP' });
const aPayment = async (id: string, more: object = {}) => ({
  id,
  ...{ created_at: AT, updated_at: AT, status: 'COMPLETED', total_money: gbp(1_500) },
  location_id: await main(),
  ...more,
});
type WireObject = Readonly<Record<string, unknown>> & { readonly id: string };
const put = (kind: string, ...objects: readonly WireObject[]) => world.merchant().put(kind, objects);

describe('payments', () => {
  it('are listed for every location and from before last year, which Square omits by default', async () => {
    await world.merchant().openLocations('L2', 'L3');
    await put(
      'payments',
      await aPayment('P1'),
      await aPayment('P2', { location_id: 'L2' }),
      await aPayment('P3', { location_id: 'L3' }),
    );
    expect((await all('payments')).map(({ externalId }) => externalId)).toEqual(['P1', 'P2', 'P3']);
    expect((await all('changed-payments')).map(({ externalId }) => externalId)).toEqual(['P1', 'P2', 'P3']);
    const one = await world.merchant().client.payments.list();
    expect(one.data).toEqual([]);
  });

  it('continue in their location by its cursor, then in the next', async () => {
    await world.merchant().openLocations('L2');
    await world.merchant().seed('payments', 120);
    await put('payments', await aPayment('LAST', { location_id: 'L2' }));
    const pages = await readList(transactions(), { stream: 'payments' });
    expect(pages.map(({ records }) => records.length)).toEqual([100, 20, 1]);
    expect(new Set(recordsOf(pages).map(({ externalId }) => externalId)).size).toBe(121);
  });

  it('are rejected for an unknown status or currency, a fraction, or an amount that would be rounded', async () => {
    await put(
      'payments',
      await aPayment('STATUS', { status: 'TELEPORTED' }),
      await aPayment('COIN', { total_money: { amount: 1, currency: 'BTC' } }),
      await aPayment('HALF', { total_money: gbp(1.5) }),
      await aPayment('HUGE', { total_money: gbp(2 ** 53) }),
      await aPayment('ORDER', { order_id: 'O' }),
      await aPayment('WELL'),
    );
    await put('orders', { id: 'O', line_items: [{ quantity: 'some', total_money: gbp(1) }] });
    const page = await transactions().listPage({ ...allTime, stream: 'payments' });
    expect(page.records.map(({ externalId }) => externalId)).toEqual(['WELL']);
    expect(page.rejections?.map(({ externalId, code }) => [externalId, code]).sort()).toEqual(
      ['COIN', 'HALF', 'HUGE', 'ORDER', 'STATUS'].map((id) => [id, 'unreadable']),
    );
    expect(page.positions).toHaveLength(6);
  });

  it.each([
    ['APPROVED', 'pending'],
    ['PENDING', 'pending'],
    ['COMPLETED', 'succeeded'],
    ['CANCELED', 'cancelled'],
    ['FAILED', 'failed'],
  ])('of status %s are %s', async (status, told) => {
    await put('payments', await aPayment('P', { status }));
    expect((await all('payments'))[0]?.fields).toMatchObject({ status: told });
  });

  it('have amount, tip, fee, customer, time of capture and the lines of their order', async () => {
    const location = await main();
    await put(
      'payments',
      await aPayment('P', {
        ...{ tip_money: gbp(200), processing_fee: [{ amount_money: gbp(40) }, { amount_money: gbp(-5) }] },
        ...{ customer_id: 'C', order_id: 'O', source_type: 'CARD', receipt_number: 'r1' },
        card_details: { card_payment_timeline: { captured_at: '2024-05-03T10:00:00Z' } },
        updated_at: '2024-05-03T10:00:01.000Z',
      }),
    );
    await put('orders', {
      id: 'O',
      line_items: [{ name: 'Tea', variation_name: 'Large', quantity: '1.5', total_money: gbp(1_300) }],
    });
    const expected = {
      externalId: 'P',
      version: Date.parse('2024-05-03T10:00:01.000Z'),
      beganAtMs: Date.parse('2024-05-03T10:00:00.000Z'),
      deleted: false,
      recordId: null,
      refs: { customer: 'C' },
      fields: {
        ...{ kind: 'payment', status: 'succeeded', occurredAt: '2024-05-03T10:00:00.000Z' },
        ...{ amountMinor: 1_500, currency: 'GBP', feeMinor: 35, posted: null },
        ...{ customerSourceId: null, relatedTransactionId: null },
        lines: [{ description: 'Tea, Large', quantity: '1.5', amountMinor: 1_300, productSourceId: null }],
        metadata: {
          ...{ square_order_id: 'O', square_location_id: location, square_source_type: 'CARD' },
          ...{ square_receipt_number: 'r1', square_tip_minor: '200' },
        },
      },
    };
    expect(await all('payments')).toEqual([expected]);
    expect(await transactions().retrieve('P')).toEqual(expected);
  });

  it('of one order have its lines once, on the first payment', async () => {
    const tender = (payment: string, at: string) => ({ id: `t-${payment}`, payment_id: payment, created_at: at });
    await put('payments', await aPayment('P1', { order_id: 'O' }), await aPayment('P2', { order_id: 'O' }));
    await put('orders', {
      id: 'O',
      line_items: [{ name: 'Tea', quantity: '1', total_money: gbp(3_000) }],
      tenders: [tender('P2', '2024-05-01T10:00:02Z'), tender('P1', '2024-05-01T10:00:01Z')],
    });
    const lines = (await all('payments')).map(({ fields }) => (fields?.['lines'] as readonly object[]).length);
    expect(lines).toEqual([1, 0]);
  });

  it('have no fee while it is missing or in another currency', async () => {
    const fee = [{ amount_money: { amount: 40, currency: 'USD' } }];
    await put('payments', await aPayment('P1', { processing_fee: fee }), await aPayment('P2'));
    expect((await all('payments')).map(({ fields }) => fields?.['feeMinor'])).toEqual([null, null]);
  });

  it('restart after an expired cursor', async () => {
    await world.merchant().seed('payments', 120);
    const { after } = await transactions().listPage({ ...allTime, stream: 'payments' });
    await world.control().clock(5 * 60_000);
    const [stream] = world.adapter().pullPlan('transactions').listing.flat();
    const error = (await transactions()
      .listPage({ ...allTime, stream: 'payments', after })
      .catch((caught: unknown) => caught)) as { readonly details: { readonly kind: string } };
    expect(stream?.isCursorGone(error.details)).toBe(true);
  });
});

describe('refunds and disputes', () => {
  it('take money, name their payment, and return part of the fee', async () => {
    await put('refunds', {
      id: 'R',
      ...{
        created_at: AT,
        updated_at: AT,
        status: 'COMPLETED',
        amount_money: gbp(700),
        payment_id: 'P',
        order_id: 'O2',
      },
      processing_fee: [{ amount_money: gbp(-10) }],
      location_id: 'L',
    });
    const [refund] = await all('refunds');
    expect(refund).toMatchObject({
      refs: { related: 'P' },
      fields: { kind: 'refund', status: 'succeeded', amountMinor: -700, feeMinor: -10 },
    });
    expect(await transactions().retrieve('R')).toEqual(refund);
    expect(await all('changed-refunds')).toEqual([refund]);
  });

  it.each([
    ['INQUIRY_EVIDENCE_REQUIRED', 'pending', 0],
    ['INQUIRY_CLOSED', 'cancelled', 0],
    ['EVIDENCE_REQUIRED', 'pending', -900],
    ['WON', 'won', 0],
    ['LOST', 'lost', -900],
    ['ACCEPTED', 'lost', -900],
  ])('a dispute in state %s is %s and takes %i', async (state, status, amountMinor) => {
    await put('disputes', {
      id: 'D',
      ...{ created_at: AT, updated_at: AT, state, reason: 'NOT_AS_DESCRIBED', amount_money: gbp(900) },
      disputed_payment: { payment_id: 'P' },
    });
    const [dispute] = await all('disputes');
    expect(dispute).toMatchObject({ refs: { related: 'P' }, fields: { kind: 'dispute', status, amountMinor } });
    expect(Object.is(dispute?.fields?.['amountMinor'], -0)).toBe(false);
    expect(await all('all-disputes')).toEqual([dispute]);
  });
});

describe('Square’s own samples (skipped loudly: they are not part of this repository)', () => {
  const sampleOf = (name: string): Readonly<Record<string, never>> | null => {
    const path = `../../../../shared/samples/square-webhook-events/${name}.json`;
    try {
      const text = readFileSync(new URL(path, import.meta.url), 'utf8');
      return (JSON.parse(text) as { data: { object: Readonly<Record<string, never>> } }).data.object;
    } catch {
      process.stderr.write(`SKIPPED: Square’s sample ${name} is not next to this repository.\n`);
      return null;
    }
  };
  const [payment, refund] = [sampleOf('PaymentUpdatedEvent'), sampleOf('RefundCreatedEvent')];
  it.skipIf(payment === null || refund === null)('of a payment and a refund are read', async () => {
    await world.merchant().openLocations('S8GWD5R9QB376');
    await put('payments', payment!['payment'] as never);
    await put('refunds', refund!['refund'] as never);
    expect(await all('payments')).toMatchObject([
      { fields: { status: 'succeeded', amountMinor: 100, currency: 'USD', occurredAt: '2020-11-22T21:19:00.832Z' } },
    ]);
    expect(await all('refunds')).toMatchObject([{ fields: { status: 'pending', amountMinor: -1_000 } }]);
  });
});
