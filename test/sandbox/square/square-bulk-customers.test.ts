import { describe, expect, it } from 'vitest';
import { aHome } from '../support.ts';
import { aSquare, refusalOf } from './square-support.ts';

describe('the stand-in Square, asked for many customers at once by the SDK', () => {
  it('creates each under its own key once, refuses another profile under the same key, and keeps keys over a restart', async () => {
    const home = aHome();
    const first = await aSquare({ home });
    const created = await first.square.customers.batchCreate({
      customers: { k1: { givenName: 'Ada' }, k2: { note: 'Nobody' } },
    });
    expect(created.responses).toMatchObject({
      k1: { customer: { givenName: 'Ada' } },
      k2: { errors: [{ code: 'BAD_REQUEST' }] },
    });
    await first.close();
    const { square } = await aSquare({ home });
    const again = await square.customers.batchCreate({ customers: { k1: { givenName: 'Ada' } } });
    expect(again.responses?.['k1']?.customer?.id).toBe(created.responses?.['k1']?.customer?.id);
    const other = await square.customers.batchCreate({ customers: { k1: { givenName: 'Grace' } } });
    expect(other.responses?.['k1']?.errors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }]);
    expect((await square.customers.search()).customers).toHaveLength(1);
  });

  it('updates each with its version, and retrieves each, with an outcome of its own', async () => {
    const { square } = await aSquare();
    const made = await square.customers.batchCreate({
      customers: { k1: { givenName: 'Ada' }, k2: { givenName: 'Grace' } },
    });
    const [one = '', other = ''] = ['k1', 'k2'].map((key) => made.responses?.[key]?.customer?.id);
    const { responses } = await square.customers.bulkUpdateCustomers({
      customers: {
        [one]: { note: 'Well', version: 0n },
        [other]: { note: 'Stale', version: 7n },
        NOBODY: { note: 'Gone' },
      },
    });
    expect(responses).toMatchObject({
      [one]: { customer: { note: 'Well', version: 1n } },
      [other]: { errors: [{ code: 'CONFLICT' }] },
      NOBODY: { errors: [{ code: 'NOT_FOUND' }] },
    });
    const read = await square.customers.bulkRetrieveCustomers({ customerIds: [one, 'NOBODY'] });
    expect(read.responses).toMatchObject({
      [one]: { customer: { id: one } },
      NOBODY: { errors: [{ code: 'NOT_FOUND' }] },
    });
  });

  it('takes 1 to 100', async () => {
    const { square } = await aSquare();
    const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`k${index}`, { givenName: 'Ada' }]));
    for (const customers of [{}, many])
      expect(await refusalOf(square.customers.batchCreate({ customers }))).toMatchObject({
        status: 400,
        field: 'customers',
      });
  });
});
