import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('a paged list', () => {
  it('returns each record once while others are created and deleted', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 950 });
    const before = (await control.customers()).map(({ id }) => id);
    const walked: string[] = [];
    let page = await stripe.customers.list({ limit: 100 });
    for (;;) {
      walked.push(...page.data.map(({ id }) => id));
      if (!page.has_more) break;
      await stripe.customers.create({ name: 'Newcomer' });
      await stripe.customers.del(walked[walked.length - 5] ?? '');
      page = await stripe.customers.list({ limit: 100, starting_after: walked.at(-1) ?? '' });
    }
    expect(walked).toEqual(before);
  });

  it('sorts by creation, newest first, and by arrival within one second', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({
      records: [
        { id: 'cus_old', created: 100 },
        { id: 'cus_first', created: 500 },
        { id: 'cus_second', created: 500 },
        { id: 'cus_older', created: 50 },
      ],
    });
    const ids = async (params: object) => (await stripe.customers.list(params)).data.map(({ id }) => id);
    expect(await ids({})).toEqual(['cus_second', 'cus_first', 'cus_old', 'cus_older']);
    expect(await ids({ starting_after: 'cus_second', limit: 1 })).toEqual(['cus_first']);
    expect(await ids({ ending_before: 'cus_older', limit: 2 })).toEqual(['cus_first', 'cus_old']);
  });

  it('pages backwards with ending_before up to the newest', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 45 });
    const all = (await control.customers()).map(({ id }) => id);
    const walked: string[] = [];
    for await (const customer of stripe.customers.list({ limit: 10, ending_before: all.at(-1) ?? '' }))
      walked.push(customer.id);
    expect(walked).toEqual(all.slice(0, -1).reverse());
  });

  it.each([
    [{ gte: 200, lt: 400 }, [300, 200]],
    [{ gt: 200, lte: 400 }, [400, 300]],
    [{ gt: 400 }, []],
    [300, [300]],
  ])('filters by created %j', async (created, expected) => {
    const { stripe, control } = await aSandbox();
    await control.seed({ records: [100, 200, 300, 400].map((at) => ({ created: at })) });
    expect((await stripe.customers.list({ created })).data.map((customer) => customer.created)).toEqual(expected);
  });

  it('spreads seeded customers over time, so that created ranges partition them', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 1_000 });
    const seeded = (await control.customers()).map(({ created }) => created);
    const [newest = 0, oldest = 0] = [seeded[0], seeded.at(-1)];
    expect(Date.now() / 1_000 - newest).toBeLessThan(5);
    const edges = [0, 1, 2, 3, 4].map((part) => Math.floor(oldest + ((newest + 1 - oldest) * part) / 4));
    const counts = await Promise.all(
      edges.slice(1).map(async (lt, part) => {
        const slice = stripe.customers.list({ limit: 100, created: { gte: edges[part] ?? 0, lt } });
        return (await slice.autoPagingToArray({ limit: 1_000 })).length;
      }),
    );
    expect(counts.reduce((sum, count) => sum + count)).toBe(1_000);
    for (const count of counts) expect(count).toBeGreaterThan(200);
  });

  it('filters by the exact e-mail, case-sensitively', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 30 });
    await stripe.customers.create({ email: 'Ana@example.com' });
    const { email } = (await control.customers())[20] ?? {};
    expect((await stripe.customers.list({ email: email ?? '' })).data).toHaveLength(1);
    expect((await stripe.customers.list({ email: 'ana@example.com' })).data).toHaveLength(0);
  });

  it('rejects a cursor whose customer was deleted, as Stripe does', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.customers.create();
    await stripe.customers.del(id);
    expect(await stripeError(stripe.customers.list({ starting_after: id }))).toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      param: 'starting_after',
    });
  });

  it('serves every page of 10,000 seeded customers', async () => {
    const { stripe, control } = await aSandbox();
    await control.seed({ count: 10_000 });
    const ids = new Set<string>();
    for await (const customer of stripe.customers.list({ limit: 100 })) ids.add(customer.id);
    expect(ids.size).toBe(10_000);
  });
});
