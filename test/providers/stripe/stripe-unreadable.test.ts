import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import { createStripeAdapter } from '../../../providers/stripe/adapter.ts';
import { Secret } from '../../../vault/secret.ts';
import { objectsOf, startAnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import type { AnswerEditingProxy } from '../../support/sandbox/answer-editing-proxy.ts';
import { allOf, createStripeWorld, refusalOf } from './stripe-world.ts';

let world: Awaited<ReturnType<typeof createStripeWorld>>;
let proxy: AnswerEditingProxy;
beforeAll(async () => {
  world = await createStripeWorld();
  proxy = await startAnswerEditingProxy(world.sandbox.apiUrl);
});
afterAll(() => Promise.all([world.close(), proxy.close()]));
beforeEach(async () => {
  proxy.edit(null);
  await world.reset();
});

const resource = (name: Resource) =>
  createStripeAdapter({ apiUrl: proxy.url })
    .open({ secretKey: new Secret(world.sandbox.secretKey), call: (request) => request() })
    .resource(name);

/** Several objects of every kind that Stripe lists. */
async function fill(): Promise<void> {
  for (let index = 0; index < 3; index += 1) {
    const { id: customer } = (await world.ask('POST', 'customers', { name: `Customer ${index}` })) as { id: string };
    await world.ask('POST', 'products', {
      name: `Product ${index}`,
      'default_price_data[currency]': 'usd',
      'default_price_data[unit_amount]': '900',
    });
    await world.ask('POST', 'payment_intents', {
      amount: '4000',
      currency: 'usd',
      payment_method: 'pm_card_createDispute',
      confirm: 'true',
    });
    await world.ask('POST', 'payment_intents', { amount: '700', currency: 'usd' });
    const paid = await world.ask('POST', 'payment_intents', {
      amount: '5000',
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: 'true',
    });
    await world.ask('POST', 'refunds', { payment_intent: paid['id'] as string, amount: '100' });
    await world.ask('POST', 'invoiceitems', { customer, amount: '500', currency: 'usd' });
    const invoice = await world.ask('POST', 'invoices', { customer, pending_invoice_items_behavior: 'include' });
    await world.ask('POST', `invoices/${invoice['id'] as string}/pay`, { payment_method: 'pm_card_visa' });
  }
}

type Json = Record<string, unknown>;
const subjectOf = (item: Json): Json => (item['object'] === 'event' ? (item['data'] as { object: Json }).object : item);

/** Breaks every field of the object except a few; returns its id. */
function breakUp(object: Json, kept: readonly string[]): string {
  for (const key of Object.keys(object)) if (!kept.includes(key)) object[key] = { secret: 'value' };
  return object['id'] as string;
}

const STREAMS: readonly (readonly [Resource, string, string])[] = [
  ['customers', 'customers', '/v1/customers'],
  ['customers', 'events', '/v1/events'],
  ['products', 'products', '/v1/products'],
  ['transactions', 'charges', '/v1/charges'],
  ['transactions', 'payment_intents', '/v1/payment_intents'],
  ['transactions', 'refunds', '/v1/refunds'],
  ['transactions', 'disputes', '/v1/disputes'],
  ['transactions', 'adjustments', '/v1/balance_transactions'],
  ['transactions', 'balance_transactions', '/v1/balance_transactions'],
  ['transactions', 'events', '/v1/events'],
  ['transactions', 'invoices', '/v1/invoices'],
  ['transactions', 'invoice_events', '/v1/events'],
];

describe('an unreadable Stripe object', () => {
  it.each(STREAMS)(
    'among the %s of the list %s is rejected by its id, wherever it stands, and changes no position of the page',
    async (name, stream, path) => {
      await fill();
      const whole = await resource(name).listPage(allOf(stream));
      expect(whole.positions.length).toBeGreaterThanOrEqual(3);
      for (const at of [0, 1, whole.positions.length - 1]) {
        let broken = '';
        proxy.edit((answer) => {
          const item = answer.path === path ? objectsOf(answer)[at] : undefined;
          if (item) broken = breakUp(subjectOf(item), ['id', 'created']);
          // The event's object is read again: it is the same object.
          else for (const again of objectsOf(answer)) if (again['id'] === broken) breakUp(again, ['id', 'object']);
        });
        const page = await resource(name).listPage(allOf(stream));
        expect(page.rejections).toMatchObject([{ externalId: broken, code: 'unreadable' }]);
        expect(page.rejections?.[0]?.message).not.toMatch(/secret|value"/);
        expect([page.positions, page.after]).toEqual([whole.positions, whole.after]);
        const kept = (told: typeof page) =>
          told.records.filter(({ externalId }) => externalId !== broken).map(({ externalId }) => externalId);
        expect(kept(whole)).toEqual(expect.arrayContaining(kept(page)));
        expect(whole.records.length - page.records.length).toBeLessThanOrEqual(2);
        expect((whole.amendments?.length ?? 0) - (page.amendments?.length ?? 0)).toBeLessThanOrEqual(1);
      }
    },
  );

  it('keeps its position in the page even without a creation time', async () => {
    await world.seed('customers', { count: 3 });
    proxy.edit((answer) => {
      const [, second] = objectsOf(answer);
      if (second) for (const key of Object.keys(second)) if (key !== 'id') Reflect.deleteProperty(second, key);
    });
    const page = await resource('customers').listPage(allOf('customers'));
    expect([page.records.length, page.rejections?.length, page.positions.length]).toEqual([2, 1, 3]);
    expect(page.positions[1]?.atEpochS).toBe(page.positions[0]?.atEpochS);
  });

  it.each(STREAMS)('is not blamed for %s of the list %s when the answer is not a list', async (name, stream) => {
    proxy.edit((answer) => {
      answer.body = { object: 'list', data: 'none' };
    });
    const refusal = await refusalOf(resource(name).listPage(allOf(stream)));
    expect(refusal.details).toMatchObject({ kind: 'unexpected-response' });
    expect(refusal.details.unreadable).toBeUndefined();
  });
});
