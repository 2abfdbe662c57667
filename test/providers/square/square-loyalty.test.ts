import { describe, expect, it } from 'vitest';
import { createSquareWorld, readList, recordsOf } from './square-world.ts';

const world = createSquareWorld();
const all = async () => recordsOf(await readList(world.session('customers'), { stream: 'customers' }));
const callsTo = (part: string) => world.proxy().requests.filter(({ path }) => path.includes(part)).length;
const anAccount = (customer: string, more: object = {}) => ({
  ...{ id: `account-of-${customer}`, program_id: 'P', customer_id: customer, balance: 12, lifetime_points: 90 },
  ...more,
});

describe('a customer’s loyalty account', () => {
  it('is read with the customer: present and lifetime points', async () => {
    const [first = '', second = ''] = await world.merchant().seed('customers', 3);
    await world.merchant().put('loyalty-accounts', [anAccount(first), anAccount(second, { balance: 0 })]);
    const points = new Map((await all()).map(({ externalId, fields }) => [externalId, fields?.['metadata']]));
    expect(points.get(first)).toMatchObject({
      square_loyalty_points: '12',
      square_loyalty_lifetime_points: '90',
    });
    expect(points.get(second)).toMatchObject({ square_loyalty_points: '0' });
    expect(await world.session('customers').retrieve(first)).toMatchObject({
      fields: { metadata: { square_loyalty_points: '12' } },
    });
  });

  it('takes one call per 30 customers, and one per session without a programme', async () => {
    const [first = ''] = await world.merchant().seed('customers', 100);
    const [programmes, searches] = [callsTo('/programs/'), callsTo('/accounts/search')];
    expect(await all()).toHaveLength(100);
    expect([callsTo('/programs/') - programmes, callsTo('/accounts/search') - searches]).toEqual([1, 0]);
    await world.merchant().put('loyalty-accounts', [anAccount(first)]);
    await all();
    expect(callsTo('/accounts/search') - searches).toBe(4);
  });

  it('is omitted when the connection may not read it or it is unreadable', async () => {
    const [first = ''] = await world.merchant().seed('customers', 1);
    await world.merchant().put('loyalty-accounts', [anAccount(first, { balance: 1.5 })]);
    expect((await all())[0]?.fields).toMatchObject({ metadata: {} });
    await world.merchant().put('loyalty-accounts', [anAccount(first)]);
    await world.control().fault({ kind: 'status', status: 403, match: { path: '/v2/loyalty' } });
    expect((await all())[0]?.fields).toMatchObject({ metadata: {} });
  });

  it('fails the page when Square fails, because missing points would look like a change', async () => {
    await world.merchant().seed('customers', 1);
    await world.control().fault({ kind: 'status', status: 503, match: { path: '/v2/loyalty' }, times: 1 });
    const session = world.session('customers');
    await expect(readList(session, { stream: 'customers' })).rejects.toMatchObject({
      details: { kind: 'unavailable' },
    });
    expect(recordsOf(await readList(session, { stream: 'customers' }))).toHaveLength(1);
  });
});
