import { describe, expect, it } from 'vitest';
import type { ProviderPage } from '../../../providers/provider.ts';
import { aStrangeServer, allOf } from './stripe-world.ts';

const S = 1_700_000_000;

describe('an invoice', () => {
  const LINE = {
    id: 'il_1',
    object: 'line_item',
    amount: 1_500,
    currency: 'eur',
    description: 'Coffee of the month',
    quantity: 3,
  };
  const INVOICE = {
    id: 'in_1',
    object: 'invoice',
    amount_paid: 1_500,
    created: S,
    lines: { object: 'list', data: [LINE], has_more: false },
    parent: { type: 'subscription_details', subscription_details: { subscription: 'sub_1' } },
  };
  const PAID = {
    id: 'inpay_1',
    object: 'invoice_payment',
    amount_paid: 1_500,
    created: S,
    invoice: 'in_1',
    status: 'paid',
    payment: { type: 'payment_intent', payment_intent: 'pi_1' },
  };
  const event = (id: string, type: string, object: object) => ({
    id,
    object: 'event',
    api_version: '2026-10-28.endive',
    type,
    created: S,
    data: { object },
  });
  const list = (data: readonly object[], has_more = false) => ({ object: 'list', url: '/v1/x', has_more, data });
  const AMENDMENT = {
    payment: 'pi_1',
    lines: [{ description: 'Coffee of the month', quantity: '3', amountMinor: 1_500, productSourceId: null }],
    metadata: { stripe_invoice: 'in_1', stripe_subscription: 'sub_1' },
  };

  /** A page of a list from a server with prepared answers by path, and the requests it took. */
  async function page(
    stream: string,
    answers: Readonly<Record<string, object | readonly object[]>>,
  ): Promise<ProviderPage & { readonly requests: readonly string[] }> {
    const requests: string[] = [];
    const server = await aStrangeServer((req, res) => {
      const path = (req.url ?? '').split('?')[0] ?? '';
      const answer = answers[path];
      const nth = requests.filter((each) => each === path).length;
      requests.push(path);
      res
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(Array.isArray(answer) ? (answer as readonly object[])[nth] : answer));
    });
    try {
      return { ...(await server.open().resource('transactions').listPage(allOf(stream))), requests };
    } finally {
      await server.close();
    }
  }

  it('puts its lines on the payment that paid it, in one call per page', async () => {
    const read = await page('invoices', { '/v1/invoices': list([{ ...INVOICE, payments: list([PAID]) }]) });
    expect(read).toMatchObject({
      records: [],
      amendments: [AMENDMENT],
      positions: [{ id: 'in_1', atEpochS: S }],
      requests: ['/v1/invoices'],
    });
  });

  it.each<[string, readonly object[]]>([
    ['is not paid', [{ ...PAID, status: 'open' }]],
    ['was paid outside Stripe', [{ ...PAID, payment: { type: 'payment_record', payment_record: 'pr_1' } }]],
    ['was paid from a balance', []],
  ])('that %s tells nothing and is no payment of its own', async (_what, payments) => {
    expect(await page('invoices', { '/v1/invoices': list([{ ...INVOICE, payments: list(payments) }]) })).toMatchObject({
      records: [],
      amendments: [],
    });
  });

  describe('paid in two parts', () => {
    const [first, second] = [
      { ...PAID, amount_paid: 900 },
      {
        ...PAID,
        id: 'inpay_2',
        created: S + 60,
        amount_paid: 600,
        payment: { type: 'payment_intent', payment_intent: 'pi_2' },
      },
    ];
    const both = [AMENDMENT, { ...AMENDMENT, payment: 'pi_2', lines: [] }];

    it('is named by both payments, and its lines are on the first', async () => {
      for (const payments of [
        [first, second],
        [second, first, second],
      ]) {
        expect(
          (await page('invoices', { '/v1/invoices': list([{ ...INVOICE, payments: list(payments) }]) })).amendments,
        ).toEqual(both);
      }
    });

    it('puts its lines on the earlier of two payments of one second, whatever their ids', async () => {
      for (const ids of [
        ['inpay_a', 'inpay_b'],
        ['inpay_b', 'inpay_a'],
      ]) {
        const [one, two] = [
          { ...first, id: ids[0] },
          { ...second, id: ids[1], created: S },
        ];
        expect(
          (await page('invoices', { '/v1/invoices': list([{ ...INVOICE, payments: list([two, one]) }]) })).amendments,
        ).toEqual(both);
      }
    });

    it('gives the same result when the page of events has only the second payment', async () => {
      const read = await page('invoice_events', {
        '/v1/events': list([event('evt_2', 'invoice_payment.paid', second), event('evt_1', 'invoice.paid', INVOICE)]),
        '/v1/invoices/in_1': { ...INVOICE, payments: list([second, first]) },
      });
      expect(read).toMatchObject({ amendments: both, requests: ['/v1/events', '/v1/invoices/in_1'] });
    });

    it('takes one more call for payments that the event lacks', async () => {
      const read = await page('invoices', {
        '/v1/invoices': list([{ ...INVOICE, payments: list([second], true) }]),
        '/v1/invoice_payments': list([first]),
      });
      expect(read).toMatchObject({ amendments: both, requests: ['/v1/invoices', '/v1/invoice_payments'] });
    });
  });

  it('is rejected with a line without an exact amount, because the others would not add up', async () => {
    const lines = { object: 'list', data: [LINE, { ...LINE, id: 'il_2', currency: 'usdc' }], has_more: false };
    const read = await page('invoices', { '/v1/invoices': list([{ ...INVOICE, lines, payments: list([PAID]) }]) });
    expect(read).toMatchObject({ amendments: [], rejections: [{ externalId: 'in_1', code: 'unreadable' }] });
  });

  it('has every line, with one more call per hundred', async () => {
    const lines = Array.from({ length: 130 }, (_, index) => ({ ...LINE, id: `il_${index}`, amount: index }));
    const whole = {
      ...INVOICE,
      lines: { object: 'list', data: lines.slice(0, 10), has_more: true },
      payments: list([PAID]),
    };
    const read = await page('invoices', {
      '/v1/invoices': list([whole]),
      '/v1/invoices/in_1/lines': [list(lines.slice(10, 110), true), list(lines.slice(110))],
    });
    expect(read.amendments?.[0]?.['lines']).toMatchObject(lines.map(({ amount }) => ({ amountMinor: amount })));
    expect(read.requests).toHaveLength(3);
  });

  it('needs no further call when its event and its payment’s are on one page', async () => {
    const read = await page('invoice_events', {
      '/v1/events': list([event('evt_2', 'invoice_payment.paid', PAID), event('evt_1', 'invoice.paid', INVOICE)]),
    });
    expect(read).toMatchObject({ amendments: [AMENDMENT], requests: ['/v1/events'] });
    expect(read.positions.map(({ id }) => id)).toEqual(['evt_2', 'evt_1']);
  });

  it.each<[string, object]>([
    ['only the invoice', event('evt_1', 'invoice.paid', INVOICE)],
    ['only its payment', event('evt_2', 'invoice_payment.paid', PAID)],
  ])('is read whole where the page has %s', async (_what, half) => {
    const read = await page('invoice_events', {
      '/v1/events': list([half]),
      '/v1/invoices/in_1': { ...INVOICE, payments: list([PAID]) },
    });
    expect(read).toMatchObject({ amendments: [AMENDMENT], requests: ['/v1/events', '/v1/invoices/in_1'] });
  });
});
