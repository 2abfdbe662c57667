import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

type World = Awaited<ReturnType<typeof aSandbox>>;
type Listed = { readonly id: string };
type Query = Stripe.PaginationParams & { readonly created?: Stripe.RangeQueryParam };
type List = (stripe: Stripe, query?: Query) => Promise<Stripe.ApiList<Listed>>;

const LISTS: readonly [resource: string, list: List][] = [
  ['customers', (stripe, query) => stripe.customers.list(query)],
  ['products', (stripe, query) => stripe.products.list(query)],
  ['prices', (stripe, query) => stripe.prices.list(query)],
  ['charges', (stripe, query) => stripe.charges.list(query)],
  ['payment_intents', (stripe, query) => stripe.paymentIntents.list(query)],
  ['balance_transactions', (stripe, query) => stripe.balanceTransactions.list(query)],
  ['refunds', (stripe, query) => stripe.refunds.list(query)],
  ['disputes', (stripe, query) => stripe.disputes.list(query)],
];

/** Eight objects of every kind, a hundred seconds apart, starting at 1,000. */
async function filled(): Promise<World> {
  const world = await aSandbox();
  const { control } = world;
  const eight = (record: (index: number) => object) =>
    Array.from({ length: 8 }, (_, index) => ({ created: 1_000 + index * 100, ...record(index) }));
  await control.seed({ records: eight(() => ({})) });
  await control.seed({ resource: 'products', records: eight((index) => ({ name: `P${index}`, unit_amount: index })) });
  await control.seed({
    resource: 'charges',
    records: eight((index) => ({ amount: 1_000 + index, payment_intent: true, refunded_amount: 1, disputed: true })),
  });
  return world;
}

async function idsOf(list: List, stripe: Stripe, query: Query = {}) {
  return (await list(stripe, query)).data.map(({ id }) => id);
}

describe.each(LISTS)('the list of %s', (resource, list) => {
  it('returns each object once, newest first, at any page size, forwards and backwards', async () => {
    const { stripe, control } = await filled();
    const all = (await control.state<Listed>(resource)).map(({ id }) => id);
    const forwards: string[] = [];
    for (
      let page = await list(stripe, { limit: 3 });
      ;
      page = await list(stripe, { limit: 3, starting_after: forwards.at(-1)! })
    ) {
      forwards.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
    }
    expect(forwards).toEqual(all);
    expect(await idsOf(list, stripe, { limit: 3, ending_before: all[5]! })).toEqual(all.slice(2, 5));
  });

  it('rejects an unknown cursor', async () => {
    const { stripe } = await aSandbox();
    expect(await stripeError(list(stripe, { starting_after: 'none_1' }))).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      param: 'starting_after',
    });
    expect(await stripeError(list(stripe, { limit: 101 }))).toMatchObject({ statusCode: 400, param: 'limit' });
  });

  it('respects the bounds of a created range', async () => {
    const { stripe, control } = await filled();
    const within = (await control.state<Listed & { created: number }>(resource))
      .filter(({ created }) => created > 1_000 && created <= 1_300)
      .map(({ id }) => id);
    expect(within.length).toBeGreaterThanOrEqual(3);
    expect(await idsOf(list, stripe, { limit: 100, created: { gt: 1_000, lte: 1_300 } })).toEqual(within);
  });

  it('repeats, skips or halves a page when a fault says so', async () => {
    const { stripe, control } = await filled();
    const all = await idsOf(list, stripe, { limit: 100 });
    const second = { limit: 2, starting_after: all[1]! };
    const path = `^/v1/${resource}$`;
    for (const [kind, expected] of [
      ['page-repeat', all.slice(0, 2)],
      ['page-skip', all.slice(4, 6)],
      ['page-shrink', all.slice(2, 3)],
    ] as const) {
      await control.fault({ kind, match: { path }, times: 1 });
      const page = await list(stripe, second);
      expect([kind, page.data.map(({ id }) => id), page.has_more]).toEqual([kind, expected, true]);
      expect(await idsOf(list, stripe, second)).toEqual(all.slice(2, 4));
    }
  });

  it('repeats no page for a reader on the first page', async () => {
    const { stripe, control } = await filled();
    await control.fault({ kind: 'page-repeat', times: 1 });
    const first = await list(stripe, { limit: 2 });
    expect((await list(stripe, { limit: 2, starting_after: first.data[1]!.id })).data).toEqual(first.data);
  });
});

describe('a list with two filters', () => {
  it('returns what passes both', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ records: [{ id: 'cus_a' }, { id: 'cus_b' }] });
    const { ids } = await control.seed({
      resource: 'charges',
      records: [
        { amount: 1, customer: 'cus_a', payment_intent: true },
        { amount: 2, customer: 'cus_b', payment_intent: true },
        { amount: 3, customer: 'cus_a' },
      ],
    });
    const charge = await stripe.charges.retrieve(ids[0]!);
    const intent = charge.payment_intent as string;
    expect((await stripe.charges.list({ customer: 'cus_a', payment_intent: intent })).data).toMatchObject([
      { id: ids[0] },
    ]);
    expect((await stripe.charges.list({ customer: 'cus_b', payment_intent: intent })).data).toEqual([]);
  });

  it('follows changes of the filtered fields', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create({ email: 'old@example.com' });
    expect((await stripe.customers.list({ email: 'old@example.com' })).data).toHaveLength(1);
    await stripe.customers.update(id, { email: 'new@example.com' });
    expect((await stripe.customers.list({ email: 'old@example.com' })).data).toEqual([]);
    expect((await stripe.customers.list({ email: 'new@example.com' })).data).toMatchObject([{ id }]);
    await stripe.customers.del(id);
    expect((await stripe.customers.list({ email: 'new@example.com' })).data).toEqual([]);
  });
});
